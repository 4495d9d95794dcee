"""`runs get`, as one would write it with requests alone."""

import json
import os
import sys

import requests

answer = requests.get(
    f"{os.environ['DATABRICKS_HOST']}/api/2.2/jobs/runs/get",
    params={"run_id": sys.argv[1]},
    headers={"Authorization": f"Bearer {os.environ['DATABRICKS_TOKEN']}"},
    timeout=60,
)
print(json.dumps(answer.json(), indent=2))
