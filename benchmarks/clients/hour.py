"""A wait by a fast clock: sleeping takes no time, and after so many seconds of it the runs end.

    python hour.py SECONDS sdk RUN
    python hour.py SECONDS dbjobs runs wait RUN...

Prints as its last line how many requests it took.
"""

import os
import sys
import time
from http.client import HTTPConnection
from typing import Any

PASSED = 0.0
LASTS, CLIENT, *ARGS = sys.argv[1:]
_monotonic, _time = time.monotonic, time.time


def tell(path: str) -> int:
    """Ask the workspace, past the client that is measured."""
    connection = HTTPConnection(os.environ["DATABRICKS_HOST"].removeprefix("http://"))
    connection.request("GET", path)
    number = int(connection.getresponse().read())
    connection.close()
    return number


def sleep(seconds: float) -> None:
    global PASSED  # noqa: PLW0603 - there is one clock
    PASSED += seconds
    if PASSED >= float(LASTS) > PASSED - seconds:
        tell("/end")


def wait() -> None:
    if CLIENT == "dbjobs":
        from dbjobs.__main__ import main

        sys.argv = ["dbjobs", *ARGS]
        main()
    else:
        from datetime import timedelta

        from databricks.sdk import WorkspaceClient

        jobs: Any = WorkspaceClient().jobs
        jobs.wait_get_run_job_terminated_or_skipped(int(ARGS[0]), timeout=timedelta(days=1))


time.sleep = sleep
time.monotonic = lambda: _monotonic() + PASSED
time.time = lambda: _time() + PASSED
tell("/begin")
try:
    wait()
finally:
    print(tell("/requests"), flush=True)
