"""Stands for whatever the job does."""

import sys

print(f"loaded {sys.argv[1]}")
