"""How a run comes to its end: the truth that exit codes are held against."""

import math
from dataclasses import dataclass, field
from typing import Any

Payload = dict[str, Any]

JOB_ID = 77310284417
EPOCH_MS = 1_767_225_600_000


@dataclass(frozen=True)
class Ending:
    """The last state of a run, and the exit code that it stands for."""

    exit_code: int
    life_cycle_state: str
    result_state: str | None = None
    termination_code: str | None = None


ENDINGS = {
    "success": Ending(0, "TERMINATED", "SUCCESS", "SUCCESS"),
    "failed": Ending(10, "TERMINATED", "FAILED", "RUN_EXECUTION_ERROR"),
    "failed, internal": Ending(10, "INTERNAL_ERROR", "FAILED", "RUN_EXECUTION_ERROR"),
    "timed out": Ending(11, "TERMINATED", "TIMEDOUT", None),
    "canceled": Ending(12, "TERMINATED", "CANCELED", "USER_CANCELED"),
    "skipped": Ending(13, "SKIPPED", None, "SKIPPED"),
    "too many": Ending(13, "TERMINATED", "MAXIMUM_CONCURRENT_RUNS_REACHED", "MAX_CONCURRENT_RUNS_EXCEEDED"),
    "internal": Ending(14, "INTERNAL_ERROR", None, "CLUSTER_ERROR"),
    "internal, bare": Ending(14, "INTERNAL_ERROR"),
    "upstream": Ending(15, "TERMINATED", "UPSTREAM_FAILED", None),
    "excluded": Ending(16, "TERMINATED", "EXCLUDED", None),
    "with failures": Ending(0, "TERMINATED", "SUCCESS_WITH_FAILURES", "SUCCESS_WITH_FAILURES"),
    "new": Ending(19, "TERMINATED", "A_NEW_ONE", None),
}
STRICT = {"SUCCESS_WITH_FAILURES": 17}
ENDED = ("TERMINATED", "SKIPPED", "INTERNAL_ERROR")
SEVERITY = (14, 10, 11, 15, 12, 19, 13, 16, 17, 0)


def gravest(exit_codes: list[int]) -> int:
    """What several runs together exit with."""
    return min(exit_codes, key=SEVERITY.index, default=0)


@dataclass
class Stretch:
    """One execution of a run: the first, or a repair. Moments in seconds of the sequence's clock."""

    begins: float
    ends: float
    ending: Ending


@dataclass
class Run:
    """A run, its executions one after the other, and how the API tells of it."""

    run_id: int
    created: float
    stretches: list[Stretch]
    job_id: int = JOB_ID
    queued_for: float = 0.0
    tasks: int = 1
    task_attempts: int = 1
    child_id: int | None = None
    shape: str = "state"
    """whether the API tells `state`, `status`, or both"""
    result_lag: float = 0.0
    """seconds for which an end is told without its result"""
    invisible_for: float = 0.0
    """seconds for which a new run is answered with 404"""
    pages: int = 1
    cancel_takes: float = 3.0
    repairs: list[tuple[int, float]] = field(default_factory=list)
    """the id of each repair, and when it began"""
    day: str = ""
    """the parameter that it was started with"""
    is_deleted: bool = False

    def stretch_at(self, now: float) -> Stretch:
        """The execution that a moment belongs to."""
        return [
            stretch for stretch in self.stretches if stretch.begins <= now or stretch is self.stretches[0]
        ][-1]

    def ending_at(self, now: float) -> Ending | None:
        """How it ended; None while it goes on."""
        stretch = self.stretch_at(now)
        return stretch.ending if now >= stretch.ends else None

    @property
    def settled_at(self) -> float:
        """From when on it stays ended, and its result is told."""
        return self.stretches[-1].ends + self.result_lag

    def cancel(self, now: float) -> None:
        """What a cancel makes of it: no effect on a run that has ended."""
        stretch = self.stretch_at(now)
        if now < stretch.ends:
            ends = now + self.cancel_takes
            if ends < stretch.ends:
                stretch.ends, stretch.ending = ends, ENDINGS["canceled"]
            self.stretches = self.stretches[: self.stretches.index(stretch) + 1]

    def repair(self, now: float, lasts: float, ending: Ending) -> int:
        """Start the failed tasks again; returns the id of the repair."""
        self.stretches = [
            *(one for one in self.stretches if one.begins <= now),
            Stretch(now, now + lasts, ending),
        ]
        repair_id = self.run_id + 5_000 + len(self.repairs)
        self.repairs.append((repair_id, now))
        return repair_id

    def payload(self, now: float) -> Payload:
        """What runs/get answers, all pages in one."""
        stretch = self.stretch_at(now)
        is_ended = now >= stretch.ends
        told = self._state(now, stretch)
        payload = {
            "run_id": self.run_id,
            "job_id": self.job_id,
            "run_name": "nightly",
            "number_in_job": self.run_id,
            "start_time": _ms(self.created),
            "end_time": _ms(stretch.ends) if is_ended else 0,
            "run_page_url": f"https://workspace.example.com/jobs/{self.job_id}/runs/{self.run_id}",
            **told,
            "tasks": self._tasks(now, stretch, told),
        }
        history = [{"type": "ORIGINAL", "start_time": _ms(self.created)}]
        history += [{"type": "REPAIR", "id": one, "start_time": _ms(began)} for one, began in self.repairs]
        if self.day:
            payload["job_parameters"] = [{"name": "day", "default": "x", "value": self.day}]
        return {**payload, "repair_history": history}

    def _state(self, now: float, stretch: Stretch) -> Payload:
        if now < stretch.ends:
            is_queued = now < self.created + self.queued_for
            return self._told("QUEUED" if is_queued else "RUNNING", None, None)
        ending = stretch.ending
        if now < stretch.ends + self.result_lag:
            return self._told(ending.life_cycle_state, None, None)
        return self._told(ending.life_cycle_state, ending.result_state, ending.termination_code)

    def _told(self, life_cycle_state: str, result_state: str | None, termination_code: str | None) -> Payload:
        state: Payload = {"life_cycle_state": life_cycle_state, "state_message": "as it is"}
        if result_state:
            state["result_state"] = result_state
        status_state = "TERMINATED" if life_cycle_state in ENDED else life_cycle_state
        status: Payload = {"state": status_state}
        if termination_code:
            status["termination_details"] = {"code": termination_code, "type": "SUCCESS", "message": ""}
        is_told_by_status = bool(termination_code) or life_cycle_state not in ENDED
        if self.shape == "status" and is_told_by_status:
            return {"status": status}
        return {"state": state, "status": status} if self.shape == "both" else {"state": state}

    def _tasks(self, now: float, stretch: Stretch, told: Payload) -> list[Payload]:
        tasks = []
        first_id = self.run_id * 1000 + self.stretches.index(stretch) * 100
        for number in range(self.tasks):
            for attempt in range(self.task_attempts if now >= stretch.ends else 1):
                is_last = now < stretch.ends or attempt == self.task_attempts - 1
                failed = {"state": {"life_cycle_state": "TERMINATED", "result_state": "FAILED"}}
                task: Payload = {
                    "run_id": first_id + number * 10 + attempt,
                    "task_key": f"task_{number}",
                    "attempt_number": attempt,
                    "depends_on": [{"task_key": f"task_{number - 1}"}] if number else [],
                    "notebook_task": {"notebook_path": "/main"},
                    "start_time": _ms(stretch.begins),
                    "end_time": _ms(stretch.ends) if now >= stretch.ends else 0,
                    **(told if is_last else failed),
                }
                if self.child_id and number == 0:
                    task |= {"run_job_task": {"job_id": JOB_ID}}
                    task.pop("notebook_task")
                tasks.append(task)
        return tasks


def _ms(seconds: float) -> int:
    return int(EPOCH_MS + seconds * 1000) if math.isfinite(seconds) else 0
