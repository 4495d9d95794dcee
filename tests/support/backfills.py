"""A workspace with one job, whose runs last as long as told: what backfills are tested against."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.fakes import Received, Reply
from tests.support.payloads import JOB_ID, run, task

JOB = {
    "job_id": JOB_ID,
    "settings": {"name": "nightly", "parameters": [{"name": "day"}], "max_concurrent_runs": 2},
}


@dataclass
class Workspace:
    """Starts a run a token, as the API does, and remembers what it was asked for."""

    now: Callable[[], float] = time.monotonic
    lasts: float = 0.0
    """seconds from a run's start to its end"""
    results: dict[str, str] = field(default_factory=dict)
    """by day, what else than SUCCESS becomes of its run"""
    fault: Callable[[str], Reply | None] = lambda endpoint: None
    """what a request to an endpoint meets instead of an answer"""
    refusals: dict[str, Reply] = field(default_factory=dict)
    """by day"""
    run_ids: dict[str, int] = field(default_factory=dict)
    """by token"""
    days: dict[int, str] = field(default_factory=dict)
    """by run_id, in the order of the starts"""
    began: dict[int, float] = field(default_factory=dict)
    most_active: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, request: Received) -> Reply:
        with self._lock:
            return self.fault(request.endpoint) or self._reply(request)

    def _reply(self, request: Received) -> Reply:
        if request.endpoint == "get":
            return Reply(body=JOB)
        if request.endpoint == "runs/list":
            newest = max(self.began.values(), default=0)
            return Reply(body={"runs": [{"run_id": 1, "start_time": _ms(newest)}] if self.began else []})
        if request.endpoint == "run-now":
            return self._start(request.body)
        return Reply(body=self._run(int(request.query["run_id"])))

    def _start(self, body: dict[str, Any]) -> Reply:
        day, token = body["job_parameters"]["day"], body["idempotency_token"]
        if day in self.refusals:
            return self.refusals[day]
        if token not in self.run_ids:
            run_id = 1000 + len(self.run_ids)
            self.run_ids[token], self.days[run_id], self.began[run_id] = run_id, day, self.now()
            self.most_active = max(self.most_active, sum(map(self._is_active, self.days)))
        return Reply(body={"run_id": self.run_ids[token]})

    def _is_active(self, run_id: int) -> bool:
        is_skipped = self.results.get(self.days[run_id]) == "SKIPPED"
        return not is_skipped and self.now() < self.began[run_id] + self.lasts

    def _run(self, run_id: int) -> dict[str, Any]:
        start = _ms(self.began[run_id])
        if self._is_active(run_id):
            return run("RUNNING", None, task("load", "RUNNING"), run_id=run_id, start_time=start)
        result = self.results.get(self.days[run_id], "SUCCESS")
        if result == "SKIPPED":
            return run("SKIPPED", None, run_id=run_id, start_time=start, end_time=start)
        end = start + int(self.lasts * 1000)
        load = task("load", "TERMINATED", result, start_time=start, end_time=end)
        return run("TERMINATED", result, load, run_id=run_id, start_time=start, end_time=end)

    @property
    def starts(self) -> Counter[str]:
        """By day, how many runs were started for it."""
        return Counter(self.days.values())


def _ms(seconds: float) -> int:
    return int(1_767_225_600_000 + seconds * 1000)
