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
    errors: dict[str, str] = field(default_factory=dict)
    """by day, what its run raised"""
    refusals: dict[str, Reply] = field(default_factory=dict)
    """by day"""
    results_of_repairs: dict[str, str] = field(default_factory=dict)
    """by day, what else than SUCCESS becomes of its run once it is repaired"""
    repair_refusals: dict[str, Reply] = field(default_factory=dict)
    """by day"""
    run_ids: dict[str, int] = field(default_factory=dict)
    """by token"""
    days: dict[int, str] = field(default_factory=dict)
    """by run_id, in the order of the starts"""
    began: dict[int, float] = field(default_factory=dict)
    repairs: dict[int, list[float]] = field(default_factory=dict)
    """by run_id, when its repairs began"""
    most_active: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, request: Received) -> Reply:
        with self._lock:
            return self.fault(request.endpoint) or self._reply(request)

    def _reply(self, request: Received) -> Reply:
        if request.endpoint == "get":
            return Reply(body=JOB)
        if request.endpoint == "runs/list":
            return self._list(request.query)
        if request.endpoint == "runs/repair":
            return self._repair(request.body)
        if request.endpoint == "run-now":
            return self._start(request.body)
        if request.endpoint == "runs/get-output":
            return Reply(body={"error": self.errors.get(self.days[int(request.query["run_id"]) // 10], "")})
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

    def _list(self, query: dict[str, Any]) -> Reply:
        """The newest first, a page at a time."""
        only_active = query.get("active_only") == "true"
        found = [one for one in reversed(self.days) if not only_active or self._is_active(one)]
        start, limit = int(query.get("page_token") or 0), int(query.get("limit") or 20)
        page = {"runs": [self._run(run_id) for run_id in found[start : start + limit]]}
        more = {"next_page_token": str(start + limit)} if len(found) > start + limit else {}
        return Reply(body=page | more)

    def _repair(self, body: dict[str, Any]) -> Reply:
        """Once at a time, and only for those who know of the last one."""
        run_id = int(body["run_id"])
        repairs = self.repairs.setdefault(run_id, [])
        if refusal := self.repair_refusals.get(self.days[run_id]):
            return refusal
        if self._is_active(run_id) or body.get("latest_repair_id", 0) != len(repairs):
            return Reply(400, {"error_code": "INVALID_STATE", "message": "the run is being repaired"})
        repairs.append(self.now())
        return Reply(body={"repair_id": len(repairs)})

    def _is_active(self, run_id: int) -> bool:
        is_skipped = self.results.get(self.days[run_id]) == "SKIPPED"
        latest = [self.began[run_id], *self.repairs.get(run_id, ())][-1]
        return not is_skipped and self.now() < latest + self.lasts

    def _run(self, run_id: int) -> dict[str, Any]:
        day, start, repairs = self.days[run_id], _ms(self.began[run_id]), self.repairs.get(run_id, [])
        known: dict[str, Any] = {"run_id": run_id, "start_time": start}
        known["job_parameters"] = [{"name": "day", "default": "", "value": day}]
        known["repair_history"] = [{"type": "ORIGINAL"}] + [{"id": n} for n in range(1, len(repairs) + 1)]
        result = self.results.get(day, "SUCCESS")
        if result == "SKIPPED":
            return run("SKIPPED", None, **known, end_time=start)
        results = [result] + [self.results_of_repairs.get(day, "SUCCESS")] * len(repairs)
        begins = [self.began[run_id], *repairs]
        attempts = [
            task(
                "load", "TERMINATED", result, run_id=run_id * 10 + number, attempt_number=number,
                start_time=_ms(began), end_time=_ms(began + self.lasts),
            )
            for number, (began, result) in enumerate(zip(begins, results, strict=True))
        ]  # fmt: skip
        if self._is_active(run_id):
            last = {"run_id": attempts[-1]["run_id"], "attempt_number": attempts[-1]["attempt_number"]}
            return run("RUNNING", None, *attempts[:-1], task("load", "RUNNING", **last), **known)
        return run("TERMINATED", results[-1], *attempts, **known, end_time=attempts[-1]["end_time"])

    @property
    def starts(self) -> Counter[str]:
        """By day, how many runs were started for it."""
        return Counter(self.days.values())


def _ms(seconds: float) -> int:
    return int(1_767_225_600_000 + seconds * 1000)
