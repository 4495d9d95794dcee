"""A workspace with one run that fails, and whose repairs come to what a test says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.fakes import FakeClock, Received, Reply
from tests.support.payloads import run, task

RUN_ID = 43

PASSES: dict[str, dict[str, Any]] = {
    "success": {"result": "SUCCESS"},
    "lost cluster": {"code": "CLUSTER_ERROR", "message": "Cluster 1 was terminated"},
    "network": {"error": "requests.exceptions.ConnectionError: Max retries exceeded"},
    "code": {"error": "KeyError: 'day'"},
    "memory": {"error": "java.lang.OutOfMemoryError: Java heap space"},
    "timed out": {"result": "TIMEDOUT", "code": "CANCELED"},
    "canceled": {"result": "CANCELED", "code": "USER_CANCELED"},
}
"""What becomes of a task: each way through a run names one for each of its tasks."""


@dataclass
class RepairableRun:
    """Each way through the run lasts for ten seconds of the clock that it shares with dbjobs."""

    clock: FakeClock
    passes: Sequence[dict[str, str]]
    """by task_key, what becomes of each task, one way through after the other"""
    faults: dict[str, list[Reply | None]] = field(default_factory=dict)
    """by endpoint, what the first requests meet instead of an answer"""
    has_effect: bool = True
    """a repair whose answer is replaced takes effect"""
    shows_after: float = 0.0
    """seconds for which a repair does not show"""
    began: list[float] = field(default_factory=lambda: [0.0])
    requests: list[Received] = field(default_factory=list)
    on_repair: Callable[[], object] = lambda: None
    lasts: float = 10.0

    @property
    def repairs(self) -> int:
        """How many took effect."""
        return len(self.began) - 1

    def reply(self, request: Received) -> Reply:
        self.requests.append(request)
        faults = self.faults.get(request.endpoint)
        fault = faults.pop(0) if faults else None
        if request.endpoint == "runs/repair":
            answer = self._repair(request.body) if fault is None or self.has_effect else Reply()
            self.on_repair()
            return fault or answer
        if fault:
            return fault
        if request.endpoint == "runs/get":
            return Reply(body=self._run(with_history="include_history" in request.query))
        if request.endpoint == "runs/get-output":
            return self._output(int(request.query["run_id"]))
        if request.endpoint == "runs/cancel":
            self.began[-1] = self.clock.time - self.lasts
            return Reply()
        return Reply(403, {"error_code": "PERMISSION_DENIED", "message": "no history"})

    def _is_active(self) -> bool:
        return self.clock.time < self.began[-1] + self.lasts

    def _repair(self, body: dict[str, Any]) -> Reply:
        if self._is_active() or body.get("latest_repair_id", 0) != self.repairs:
            return Reply(400, {"error_code": "INVALID_STATE", "message": "The run is being repaired."})
        self.began.append(self.clock.time)
        return Reply(body={"repair_id": self.repairs})

    def _run(self, *, with_history: bool) -> dict[str, Any]:
        began = self.began
        if len(began) > 1 and self.clock.time < began[-1] + self.shows_after:
            began = began[:-1]
        is_active = len(began) == len(self.began) and self._is_active()
        attempts = [
            self._attempt(number, key, what, began[number], is_active and number == len(began) - 1)
            for number in range(len(began))
            for key, what in self._pass(number).items()
        ]
        results = {PASSES[what].get("result", "FAILED") for what in self._pass(len(began) - 1).values()}
        known: dict[str, Any] = {"start_time": 1000, "run_page_url": "https://example.com/#run/43"}
        if with_history:
            known["repair_history"] = [{"type": "ORIGINAL"}] + [
                {
                    "type": "REPAIR",
                    "id": number,
                    "start_time": int(began[number] * 1000),
                    "end_time": int((began[number] + self.lasts) * 1000),
                    "task_run_ids": [self._ids(key, number) for key in self._pass(number)],
                }
                for number in range(1, len(began))
            ]
        if is_active:
            return run("RUNNING", None, *attempts, run_id=RUN_ID, **known, end_time=0)
        worst = next(one for one in ("FAILED", "TIMEDOUT", "CANCELED", "SUCCESS") if one in results)
        return run(
            "TERMINATED", worst, *attempts, run_id=RUN_ID, **known, end_time=int(began[-1] * 1000) + 10_000
        )

    def _pass(self, number: int) -> dict[str, str]:
        return self.passes[min(number, len(self.passes) - 1)]

    def _attempt(self, number: int, key: str, what: str, began: float, is_active: bool) -> dict[str, Any]:
        ids: dict[str, Any] = {
            "run_id": self._ids(key, number),
            "attempt_number": number,
            "start_time": int(began * 1000) + 1,
        }
        if is_active:
            return task(key, "RUNNING", None, **ids)
        ending = PASSES[what]
        details = {"code": ending.get("code", "RUN_EXECUTION_ERROR"), "message": ending.get("message", "")}
        status = {"state": "TERMINATED", "termination_details": details}
        end_time = int(began * 1000) + 10_000
        return task(
            key, "TERMINATED", ending.get("result", "FAILED"), **ids, status=status, end_time=end_time
        )

    def _ids(self, key: str, number: int) -> int:
        return 1000 + 100 * number + list(self.passes[0]).index(key)

    def _output(self, run_id: int) -> Reply:
        number, index = divmod(run_id - 1000, 100)
        ending = PASSES[list(self._pass(number).values())[index]]
        return Reply(body={"error": ending.get("error", ""), "metadata": {}})
