"""The Jobs API as far as commands that change something need it; it counts what they effect."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fuzz.histories import ENDINGS, JOB_ID, Ending, Payload, Run, Stretch
from tests.support.fakes import Received, Reply

JOB_SETTINGS: Payload = {
    "name": "nightly",
    "max_concurrent_runs": 3,
    "parameters": [{"name": "day", "default": "x"}],
    "tasks": [{"task_key": "task_0", "notebook_task": {"notebook_path": "/main"}, "max_retries": 1}],
}
NEVER_RAN = 13
FIRST_STARTED = 9_000_000_000_001


def make_run(run_id: int, created: float, seed: int) -> Run:
    """A run with a history that follows from the seed."""
    dice = random.Random(seed)
    lasts = dice.choice([0.0, 2.0, 8.0, 40.0, 200.0, dice.uniform(0, 3000)])
    ending = ENDINGS[dice.choice([*ENDINGS, *["success"] * 6, *["failed"] * 3])]
    run = Run(run_id, created, [Stretch(created, created + lasts, ending)])
    run.queued_for = dice.choice([0.0, 0.0, lasts * dice.random()])
    run.tasks, run.task_attempts = dice.choice([0, 1, 1, 2, 5]), dice.choice([1, 1, 1, 2])
    run.shape = dice.choice(["state", "state", "status", "both"])
    run.result_lag = dice.choice([0.0, 0.0, 0.0, 4.0])
    run.pages = dice.choice([1, 1, 1, 2, 3]) if run.tasks > 1 else 1
    run.cancel_takes = dice.choice([0.5, 3.0, 20.0])
    if dice.random() < 0.1:
        run.child_id = run_id + 400
    if dice.random() < 0.1 and ending.exit_code:
        again = run.stretches[0].ends + dice.uniform(20, 90)
        run.stretches.append(Stretch(again, again + dice.uniform(5, 200), ENDINGS["success"]))
    return run


@dataclass
class Workspace:
    """What is true at each moment, and what was done to it."""

    now: Callable[[], float]
    seed: int
    runs: dict[int, Run] = field(default_factory=dict)
    invisible_for: float = 0.0
    """seconds for which runs that are started are answered with 404"""
    by_token: dict[str, int] = field(default_factory=dict)
    """runs that were started, by idempotency token"""
    by_day: dict[str, int] = field(default_factory=dict)
    """of a backfill, the latest run of each set"""
    earlier: set[int] = field(default_factory=set)
    """the runs of an earlier call"""
    repaired: list[tuple[int, Ending]] = field(default_factory=list)
    """each repair: of which run, and how that had ended"""
    effects: list[tuple[str, Any]] = field(default_factory=list)
    """endpoint, and id or parameters, of each change that was made"""
    settings: Payload = field(default_factory=lambda: dict(JOB_SETTINGS))

    def add(self, run: Run) -> None:
        """A run, with the run that its run_job task started."""
        self.runs[run.run_id] = run
        if run.child_id:
            self.runs.setdefault(run.child_id, Run(run.child_id, run.created, run.stretches, tasks=1))

    def start_earlier(self, token: str, day: str, created: float) -> None:
        """A run of an earlier call, which has ended, and was not skipped."""
        run_id = FIRST_STARTED - 100 + len(self.by_token)
        seeds = range(self.seed * 1000 + 500 + 10 * len(self.by_token), 2**62)
        runs = (make_run(run_id, created, seed) for seed in seeds)
        run = next(one for one in runs if one.stretches[-1].ending.exit_code != NEVER_RAN)
        run.day = day
        self.add(run)
        self.by_token[token] = self.by_day[day] = run_id
        self.earlier.add(run_id)

    def reply(self, request: Received) -> Reply:
        """What the API answers when nothing goes wrong."""
        name = request.endpoint.replace("/", "_").replace("-", "_")
        handler: Callable[[Any], Reply] | None = getattr(self, f"_do_{name}", None)
        if handler is None:
            return Reply(404, {"error_code": "ENDPOINT_NOT_FOUND", "message": f"no {request.path}"})
        return handler(request.query if request.method == "GET" else request.body)

    def _do_get(self, query: Payload) -> Reply:
        return Reply(body={"job_id": int(query["job_id"]), "created_time": 1, "settings": self.settings})

    def _do_list(self, query: Payload) -> Reply:
        return Reply(body={"jobs": [{"job_id": JOB_ID, "created_time": 1, "settings": self.settings}]})

    def _do_runs_get(self, query: Payload) -> Reply:
        run = self._find(query["run_id"])
        if run is None:
            return _absent(query["run_id"])
        payload = run.payload(self.now())
        if not query.get("include_history"):
            payload.pop("repair_history", None)
        if run.pages > 1:
            page = int(str(query.get("page_token") or "page-1").removeprefix("page-"))
            size = -(-len(payload["tasks"]) // run.pages)
            payload["tasks"] = payload["tasks"][(page - 1) * size : page * size]
            payload |= {"next_page_token": f"page-{page + 1}"} if page < run.pages else {}
        return Reply(body=payload)

    def _do_runs_get_output(self, query: Payload) -> Reply:
        task_id = int(query["run_id"])
        run = self.runs.get(task_id // 1000)
        if run is None:
            return _absent(task_id)
        output: Payload = {"error": "ValueError: no", "error_trace": "Trace\nValueError: no", "metadata": {}}
        return Reply(body={"run_job_output": {"run_id": run.child_id}} if run.child_id else output)

    def _do_runs_list(self, query: Payload) -> Reply:
        now = self.now()
        runs = [run for run in self.runs.values() if self._find(run.run_id)]
        if query.get("active_only") == "true":
            runs = [run for run in runs if run.ending_at(now) is None]
        runs.sort(key=lambda run: (-run.created, -run.run_id))
        first, limit = int(query.get("page_token") or 0), int(query.get("limit") or 20)
        answer: Payload = {"runs": [run.payload(now) for run in runs[first : first + limit]]}
        if first + limit < len(runs):
            answer |= {"has_more": True, "next_page_token": str(first + limit)}
        return Reply(body=answer)

    def _do_run_now(self, body: Payload) -> Reply:
        return self._start(body, "run-now")

    def _do_runs_submit(self, body: Payload) -> Reply:
        return self._start(body, "runs/submit")

    def _start(self, body: Payload, endpoint: str) -> Reply:
        token = body.get("idempotency_token") or f"without-{len(self.by_token)}"
        if token not in self.by_token:
            number = len(self.by_token)
            run_id = FIRST_STARTED + number * 7
            run = make_run(run_id, self.now(), self.seed * 1000 + number)
            run.invisible_for = self.invisible_for
            self.add(run)
            self.by_token[token] = run_id
            run.day = (body.get("job_parameters") or {}).get("day", "")
            self.by_day[run.day] = run_id
            self.effects.append((endpoint, run.day or token))
        return Reply(body={"run_id": self.by_token[token], "number_in_job": 1})

    def _do_runs_cancel(self, body: Payload) -> Reply:
        run = self._find(body["run_id"])
        if run is None:
            return _absent(body["run_id"])
        run.cancel(self.now())
        self.effects.append(("runs/cancel", run.run_id))
        return Reply()

    def _do_runs_cancel_all(self, body: Payload) -> Reply:
        for run in self.runs.values():
            run.cancel(self.now())
        self.effects.append(("runs/cancel-all", body.get("job_id")))
        return Reply()

    def _do_runs_delete(self, body: Payload) -> Reply:
        run = self._find(body["run_id"])
        if run is None:
            return _absent(body["run_id"])
        if run.ending_at(self.now()) is None:
            return Reply(400, {"error_code": "INVALID_STATE", "message": "The run is active."})
        run.is_deleted = True
        self.effects.append(("runs/delete", run.run_id))
        return Reply()

    def _do_runs_repair(self, body: Payload) -> Reply:
        run = self._find(body["run_id"])
        if run is None:
            return _absent(body["run_id"])
        if run.ending_at(self.now()) is None:
            return Reply(400, {"error_code": "INVALID_STATE", "message": "The run is active."})
        latest = run.repairs[-1][0] if run.repairs else None
        if body.get("latest_repair_id") != latest:
            return Reply(400, {"error_code": "INVALID_STATE", "message": "There is a newer repair."})
        self.repaired.append((run.run_id, run.stretch_at(self.now()).ending))
        new = make_run(run.run_id, self.now(), self.seed * 1000 + 999 - len(run.repairs)).stretches[0]
        repair_id = run.repair(self.now(), new.ends - new.begins, new.ending)
        self.effects.append(("runs/repair", run.run_id))
        return Reply(body={"repair_id": repair_id})

    def _do_create(self, body: Payload) -> Reply:
        self.effects.append(("create", body["name"]))
        return Reply(body={"job_id": JOB_ID + len(self.effects)})

    def _do_reset(self, body: Payload) -> Reply:
        self.settings = body["new_settings"]
        self.effects.append(("reset", body["job_id"]))
        return Reply()

    def _do_update(self, body: Payload) -> Reply:
        self.settings = {**self.settings, **body.get("new_settings", {})}
        self.effects.append(("update", body["job_id"]))
        return Reply()

    def _do_delete(self, body: Payload) -> Reply:
        self.effects.append(("delete", body["job_id"]))
        return Reply()

    def _find(self, run_id: Any) -> Run | None:
        """None for a run that is not there, or not to be seen yet."""
        run = self.runs.get(int(run_id))
        if run is None or run.is_deleted or self.now() < run.created + run.invisible_for:
            return None
        return run


def _absent(run_id: Any) -> Reply:
    return Reply(404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"Run {run_id} does not exist."})
