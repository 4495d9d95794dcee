"""`dbjobs`, and `python -m dbjobs`."""

import gc
import os

LESS_OFTEN = 10_000
"""Objects between two collections: loading modules leaves no garbage, and the search took 8 % of a call."""


def main() -> None:
    """The way in: a shell that asks for completion waits for no command to load."""
    if "_DBJOBS_COMPLETE" in os.environ:
        from dbjobs.completing import main as answer

        answer()
    else:
        gc.set_threshold(LESS_OFTEN)
        from dbjobs.cli import main as run

        run()


if __name__ == "__main__":
    main()
