"""Many runs at once. DBJOBS_SANDBOX_RUNS says how many; the default keeps the test suite short."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from .client import results, state

if TYPE_CHECKING:
    from .client import Client

RUNS = int(os.environ.get("DBJOBS_SANDBOX_RUNS", "100"))
SECONDS_A_RUN = 0.6
"""A run that takes longer, on average, has been lost."""


@pytest.mark.timeout(60 + RUNS * SECONDS_A_RUN)
def test_no_state_is_lost_or_wrong_however_many_runs_there_are(client: Client) -> None:
    """Each run has a task that prints its own number; every third fails."""
    code = "import sys\nprint(sys.argv[1])\nsys.exit(int(sys.argv[1]) % 3 == 0)"
    task = client.python("main", code)

    def submit(number: int) -> int:
        own = {**task["spark_python_task"], "parameters": [str(number)]}
        return client.submit(task | {"spark_python_task": own}, idempotency_token=f"run {number}")

    runs = {number: submit(number) for number in range(RUNS)}
    deadline = time.monotonic() + RUNS * SECONDS_A_RUN + 30
    while client.get("jobs/runs/list", active_only=True, limit=1).get("runs"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert len(set(runs.values())) == RUNS
    for number, run_id in runs.items():
        run = client.run(run_id)
        result = "FAILED" if number % 3 == 0 else "SUCCESS"
        assert results(run) == {"main": result}
        assert state(run) == ("INTERNAL_ERROR" if result == "FAILED" else "TERMINATED", result)
        assert client.output(run, "main")["logs"].startswith(f"{number}\n")
