"""All runs of a job, a line each: a bare loop of requests and json, the floor for lists."""

import json
import os
import sys

import requests

session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['DATABRICKS_TOKEN']}"
query = {"job_id": sys.argv[1], "limit": "25"}
while True:
    page = session.get(
        f"{os.environ['DATABRICKS_HOST']}/api/2.2/jobs/runs/list", params=query, timeout=60
    ).json()
    for run in page["runs"]:
        print(json.dumps(run))
    if not page.get("next_page_token"):
        break
    query["page_token"] = page["next_page_token"]
