"""The workspace: its jobs and runs, and what a client may do with them.

Every method takes the lock itself. Ids are looked up here, and refused as the API states it.
"""

from __future__ import annotations

import itertools
from contextlib import suppress
from typing import TYPE_CHECKING

from dbjobs.sandbox import fields, parameters
from dbjobs.sandbox.history import run_of
from dbjobs.sandbox.model import Job, JobRun, new_id
from dbjobs.sandbox.permissions import Permissions
from dbjobs.sandbox.refusal import RefusalError, invalid, no_such
from dbjobs.sandbox.scenario import Occasion
from dbjobs.sandbox.settings import read_submit, update_settings
from dbjobs.sandbox.state import StateFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbjobs.sandbox.engine import Engine
    from dbjobs.sandbox.files import Files
    from dbjobs.sandbox.history import History
    from dbjobs.sandbox.model import Json, TaskAttempt


LATEST_TIME = 10**14
"""Epoch milliseconds beyond any: the numbers of past runs are below those of runs that start here."""


class Workspace:
    """Jobs and runs, by id; files, by path.

    `state` keeps jobs and permissions for the next sandbox, and `history` runs that have ended.
    """

    def __init__(
        self,
        engine: Engine,
        files: Files,
        state: Path | None = None,
        history: History | None = None,
        make_past_runs: Callable[[Job], list[JobRun]] = lambda job: [],
    ) -> None:
        self.files = files
        self.permissions = Permissions(StateFolder(state and state / "permissions"))
        self._kept = StateFolder(state and state / "jobs")
        self.lock = engine.lock
        self._engine = engine
        self._jobs = self._read_jobs()
        self._removed_jobs: set[int] = set()
        self._runs: dict[int, JobRun] = {}
        """The oldest first."""
        self._history = history
        self._tokens: dict[tuple[int | None, str], JobRun] = {}
        self._numbers = itertools.count(1 + max((job.number for job in self._jobs.values()), default=0))
        engine.start_job = self._start_job
        self._make_past_runs = make_past_runs
        if history:
            engine.run_ended = history.add
            self._add_kept_runs(history.runs)
        for job in list(self._jobs.values()):
            self._add_past_runs(make_past_runs(job))

    # Jobs

    def create_job(self, settings: Json) -> Job:
        with self.lock:
            job = Job(new_id(self._jobs), next(self._numbers), settings, self._engine.now())
            self._jobs[job.job_id] = job
            self._keep(job)
            self._add_past_runs(self._make_past_runs(job))
            return job

    def _keep(self, job: Job) -> None:
        saved = {"number": job.number, "settings": job.settings, "created_time": job.created_time}
        self._kept.write(str(job.job_id), {"job_id": job.job_id, **saved})

    def _read_jobs(self) -> dict[int, Job]:
        """The jobs of an earlier sandbox, the oldest first."""
        jobs = [Job(**saved) for saved in self._kept.read().values()]
        return {job.job_id: job for job in sorted(jobs, key=lambda job: job.number)}

    def job(self, job_id: int) -> Job:
        try:
            return self._jobs[job_id]
        except KeyError:
            raise no_such("Job", job_id) from None

    def jobs(self) -> list[Job]:
        """Newest first."""
        with self.lock:
            return list(reversed(self._jobs.values()))

    def reset_job(self, job_id: int, settings: Json) -> None:
        with self.lock:
            job = self.job(job_id)
            job.settings = settings
            self._keep(job)

    def update_job(self, job_id: int, changes: Json, to_remove: list[str]) -> None:
        with self.lock:
            job = self.job(job_id)
            job.settings = update_settings(job.settings, changes, to_remove)
            self._keep(job)

    def delete_job(self, job_id: int) -> None:
        """Deleting a job that was deleted before is not an error."""
        with self.lock:
            if job_id not in self._removed_jobs:
                self.job(job_id)
                del self._jobs[job_id]
                self._removed_jobs.add(job_id)
                self._kept.remove(str(job_id))
                self.permissions.forget(f"/jobs/{job_id}")

    # Runs

    def _add_kept_runs(self, shown_runs: list[Json]) -> None:
        """Add the runs of earlier sandboxes, with the jobs that had them."""
        runs = [run_of(shown) for shown in shown_runs]
        for shown, run in zip(shown_runs, runs, strict=True):
            if shown.get("run_type") != "SUBMIT_RUN":
                run.job = self._jobs.get(run.job_id)
                if run.job is None:
                    newest = next(one for one in reversed(runs) if one.job_id == run.job_id)
                    run.job = Job(run.job_id, next(self._numbers), newest.settings, run.start_time)
                    self._jobs[run.job_id] = run.job
        self._add_past_runs(runs)

    def _add_past_runs(self, runs: list[JobRun]) -> None:
        """Put runs before those of this sandbox."""
        if not runs:
            return
        for run in runs:
            run.number = run.start_time - LATEST_TIME
            for attempt in run.attempts.all:
                self._engine.task_runs |= {one.run_id: one for one in (attempt, *attempt.iterations.all)}
            if run.job:
                run.job.runs.append(run)
        added = {run.run_id: run for run in runs}
        self._runs = dict(sorted((added | self._runs).items(), key=lambda item: item[1].number))

    def run_now(self, job_id: int, body: Json, parent: TaskAttempt | None = None) -> JobRun:
        """Start a run of a job, perhaps for a run-job task; the body is that of run-now."""
        token, given = parameters.idempotency_token(body), parameters.read(body)
        with self.lock:
            job = self.job(job_id)
            if earlier := self._find_by_token(job_id, token):
                return earlier
            only = parameters.only(body, job.settings["tasks"])
            job_parameters = job.parameters | given.pop("job_parameters", {})
            run = self._add_run(job_id, job.settings, job.name)
            run.job, run.only, run.overriding, run.job_parameters = job, only, given, job_parameters
            run.parent = parent
            job.runs.append(run)
            self._start(run, token, job_id, body)
            return run

    def _start_job(self, attempt: TaskAttempt) -> JobRun:
        return self.run_now(fields.integer(attempt.resolved, "job_id"), attempt.resolved, attempt)

    def submit(self, body: Json) -> JobRun:
        """Start a one-time run; the body is that of runs/submit."""
        token, settings = parameters.idempotency_token(body), read_submit(body)
        with self.lock:
            if earlier := self._find_by_token(None, token):
                return earlier
            run = self._add_run(new_id(self._jobs), settings, settings.get("run_name", "Untitled"))
            self._start(run, token, None, body)
            return run

    def _add_run(self, job_id: int, settings: Json, name: str) -> JobRun:
        run_id = new_id(self._runs, self._engine.task_runs)
        run = JobRun(run_id, job_id, next(self._numbers), settings, name, start_time=self._engine.now())
        self._runs[run_id] = run
        return run

    def _start(self, run: JobRun, token: str | None, job_id: int | None, body: Json) -> None:
        if token:
            self._tokens[job_id, token] = run
        queue = fields.mapping(body, "queue") or fields.mapping(run.settings, "queue")
        self._engine.start_or_queue(run, may_queue=fields.boolean(queue, "enabled"))

    def _find_by_token(self, job_id: int | None, token: str | None) -> JobRun | None:
        run = self._tokens.get((job_id, token)) if token else None
        if run and run.deleted:
            raise invalid(
                f"Run {run.run_id}, which was started with this idempotency_token, has been deleted."
            )
        return run

    def run(self, run_id: int) -> JobRun | TaskAttempt:
        """The job run or task run of that id."""
        found = self._runs.get(run_id) or self._engine.task_runs.get(run_id)
        if found is None or (isinstance(found, JobRun) and found.visible_from > self._engine.now()):
            raise no_such("Run", run_id)
        return found

    def subject(self, params: Json) -> Occasion:
        """The job and the task that a request is about."""
        with self.lock, suppress(RefusalError):
            if params.get("run_id"):
                run = self.run(fields.integer(params, "run_id"))
                if isinstance(run, JobRun):
                    return Occasion(run.run_name)
                return Occasion(run.job_run.run_name, run.task_key, run.attempt_number)
            if params.get("job_id"):
                return Occasion(self.job(fields.integer(params, "job_id")).name)
        return Occasion(str(params.get("run_name") or params.get("name") or ""))

    def hide_run(self, run_id: int, seconds: float) -> None:
        """Hide a run that exists."""
        with self.lock:
            self.job_run(run_id).visible_from = self._engine.now() + int(seconds * 1000)

    def job_run(self, run_id: int) -> JobRun:
        found = self.run(run_id)
        if not isinstance(found, JobRun):
            raise invalid(f"Run {run_id} is a task's run; give the run of the job, {found.job_run.run_id}.")
        return found

    def runs(self) -> list[JobRun]:
        """Newest first."""
        with self.lock:
            now = self._engine.now()
            return [run for run in reversed(self._runs.values()) if run.visible_from <= now]

    def repair_run(self, run_id: int, body: Json) -> int:
        """Run some tasks of an ended run again; returns the repair's id. The body is that of runs/repair."""
        given, latest_repair_id = parameters.read(body), fields.integer(body, "latest_repair_id", 0)
        with self.lock:
            run = self.job_run(run_id)
            if not run.is_terminal:
                raise invalid(f"Run {run_id} is still active; it cannot be repaired.")
            if latest_repair_id != run.passes[-1].repair_id:
                raise invalid("The latest repair ID needs to be provided in order to create a new repair")
            settings = run.job.settings if run.job else run.settings
            keys = parameters.to_rerun(body, run, settings["tasks"])
            run.settings = settings
            # The parameters of the first pass are not kept: https://github.com/apache/airflow/issues/64828
            defaults = run.job.parameters if run.job else {}
            run.job_parameters, run.overriding = defaults | given.pop("job_parameters", {}), given
            repair_id = new_id(self._runs, self._engine.task_runs)
            self._engine.repair(run, repair_id, keys)
            return repair_id

    def cancel_run(self, run_id: int) -> None:
        with self.lock:
            run = self.run(run_id)
            if isinstance(run, JobRun):
                self._engine.cancel(run)
            else:
                self._engine.cancel_task(run)

    def cancel_all_runs(self, job_id: int | None) -> None:
        """Cancel a job's runs; or, with None, every queued run of the workspace."""
        with self.lock:
            runs = self.job(job_id).runs if job_id is not None else list(self._runs.values())
            # The newest first, or each cancelled run would let a queued one begin.
            for run in reversed(runs):
                if job_id is not None or run.life_cycle_state == "QUEUED":
                    self._engine.cancel(run)

    def delete_run(self, run_id: int) -> None:
        with self.lock:
            run = self.job_run(run_id)
            if not run.is_terminal:
                raise invalid(f"Run {run_id} is still active: cancel it, or wait for its end.")
            run.deleted = True
            if self._history:
                self._history.remove(run_id)
            del self._runs[run_id]
            if run.job:
                run.job.runs.remove(run)
            self._engine.forget(run)
