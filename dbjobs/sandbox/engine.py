"""The state machine: moves runs and their tasks forward as time passes and processes end.

    run      QUEUED → PENDING → RUNNING → TERMINATING → TERMINATED | INTERNAL_ERROR, or at once SKIPPED
    attempt  BLOCKED | WAITING_FOR_RETRY → PENDING → RUNNING → TERMINATING → TERMINATED | INTERNAL_ERROR,
             or from BLOCKED straight to SKIPPED

One lock, the agenda's, guards all of it. Time moves by the agenda's calls alone, and processes report back
from the runner's threads; no thread waits for a run.

Which life_cycle_state a run gets whose code failed differs between workspaces. Here a one-time run of a
single task ends INTERNAL_ERROR + FAILED, and all others TERMINATED + FAILED, so that clients meet both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from dbjobs.sandbox import dag, endings, references
from dbjobs.sandbox.conditions import evaluate
from dbjobs.sandbox.model import SUCCEEDED, Ending, JobRun, TaskRun, depends_on, new_id
from dbjobs.sandbox.runner import PathRefusedError, Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbjobs.sandbox.agenda import Agenda
    from dbjobs.sandbox.model import Json
    from dbjobs.sandbox.runner import Output, Runner


@dataclass(frozen=True)
class Delays:
    """How long things take beside the user's code: seconds at time scale 1."""

    setup: float = 1.0
    cleanup: float = 0.3
    grace: float = 2.0
    """From asking a process to end until it is killed; never scaled."""

    def faster(self, time_scale: float) -> Delays:
        return replace(self, setup=self.setup / time_scale, cleanup=self.cleanup / time_scale)


class Engine:
    """Runs what it is given. Every public method is to be called with the agenda's lock held."""

    def __init__(
        self, agenda: Agenda, runner: Runner, time_scale: float = 1.0, delays: Delays | None = None
    ) -> None:
        self._agenda = agenda
        self._runner = runner
        self._time_scale = time_scale
        self._delays = (delays or Delays()).faster(time_scale)
        self.task_runs: dict[int, TaskRun] = {}

    def now(self) -> int:
        """Epoch milliseconds."""
        return int(self._agenda.clock() * 1000)

    # Runs

    def admit(self, run: JobRun, *, may_queue: bool) -> None:
        """Begin the run; or queue or skip it if its job is at its max_concurrent_runs."""
        job = run.job
        if (
            job is None
            or sum(other.is_active for other in job.runs if other is not run) < job.max_concurrent_runs
        ):
            self._begin(run)
        elif may_queue:
            run.life_cycle_state = "QUEUED"
            run.queued_time = self.now()
        else:
            self._finish(run, endings.too_many_runs(run))

    def cancel(self, run: JobRun) -> None:
        """Stop all of the run; does nothing if it has ended."""
        self._stop_run(run, endings.CANCELED)

    def cancel_task(self, attempt: TaskRun) -> None:
        """Stop one task; what depends on it follows its own run_if."""
        self._stop(attempt, endings.CANCELED)
        self._advance(attempt.job_run)

    def _begin(self, run: JobRun) -> None:
        run.begin_time = self.now()
        run.life_cycle_state = "PENDING"
        selected = dag.select(run.only, depends_on(run.tasks)) if run.only else run.latest.keys()
        for task in run.tasks:
            attempt = self._add_attempt(run, task)
            if task.get("disabled") or (run.only and attempt.task_key not in selected):
                self._close(attempt, endings.DISABLED)
        if timeout := run.settings.get("timeout_seconds"):
            self._agenda.after(timeout, partial(self._stop_run, run, endings.TIMED_OUT))
        self._advance(run)

    def _stop_run(self, run: JobRun, ending: Ending) -> None:
        if run.is_terminal or run.stopping:
            return
        run.stopping = ending
        if run.life_cycle_state == "QUEUED":
            self._finish(run, ending)
            return
        for attempt in list(run.unfinished()):
            if attempt.life_cycle_state == "BLOCKED":
                self._close(attempt, endings.not_run(dag.UPSTREAM_CANCELED))
            else:
                self._stop(attempt, ending)
        self._advance(run)

    def _advance(self, run: JobRun) -> None:
        """Let every task go as far as its dependencies allow, and the run with them."""
        if run.is_terminal:
            return
        while any(
            self._settle(attempt) for attempt in run.unfinished() if attempt.life_cycle_state == "BLOCKED"
        ):
            pass
        if any(run.unfinished()):
            run.life_cycle_state = self._life_cycle_state(run)
        else:
            self._finish(run, endings.of_run(run))

    def _life_cycle_state(self, run: JobRun) -> str:
        active = list(run.unfinished())
        last_steps = all(a.life_cycle_state == "TERMINATING" and not self._may_retry(a) for a in active)
        if run.stopping or last_steps:
            return "TERMINATING"
        return "RUNNING" if any(attempt.execution_start for attempt in run.task_runs) else "PENDING"

    def _finish(self, run: JobRun, ending: Ending) -> None:
        run.ending = ending
        run.life_cycle_state = ending.life_cycle_state
        run.end_time = self.now()
        if run.job:
            waiting = next((other for other in run.job.runs if other.life_cycle_state == "QUEUED"), None)
            if waiting:
                self._begin(waiting)

    # Attempts

    def _add_attempt(self, run: JobRun, task: Json, previous: TaskRun | None = None) -> TaskRun:
        run_id = new_id(self.task_runs)
        attempt = TaskRun(run_id, run, task, original_attempt_run_id=run_id)
        if previous:
            attempt.attempt_number = previous.attempt_number + 1
            attempt.original_attempt_run_id = previous.original_attempt_run_id
        self.task_runs[run_id] = attempt
        run.task_runs.append(attempt)
        run.latest[attempt.task_key] = attempt
        return attempt

    def _settle(self, attempt: TaskRun) -> bool:
        """Start a blocked task, or close it, if its dependencies allow; True if it was closed."""
        items = attempt.task.get("depends_on", ())
        results = [
            _result_for(attempt.job_run.latest[item["task_key"]], item.get("outcome")) for item in items
        ]
        decision = dag.decide(attempt.task.get("run_if", "ALL_SUCCESS"), results)
        if decision == dag.WAIT:
            return False
        if decision == dag.RUN:
            self._prepare(attempt)
            return False
        self._close(attempt, endings.not_run(decision))
        return True

    def _prepare(self, attempt: TaskRun) -> None:
        if attempt.is_terminal:
            return
        attempt.life_cycle_state = "PENDING"
        attempt.start_time = self.now()
        setup = 0 if attempt.type == "condition_task" else self._delays.setup
        self._agenda.after(setup, partial(self._execute, attempt))

    def _execute(self, attempt: TaskRun) -> None:
        if attempt.is_terminal:
            return
        settings = attempt.task[attempt.type]
        attempt.resolved = references.resolve(_given_parameters(attempt, settings), attempt)
        if attempt.type == "condition_task":
            ending, attempt.outcome = evaluate(attempt.resolved)
            self._end(attempt, ending)
        elif attempt.type in {"notebook_task", "spark_python_task"}:
            self._launch(attempt)
        else:
            self._end(attempt, endings.cannot_run(attempt.type))

    def _launch(self, attempt: TaskRun) -> None:
        try:
            work = self._work(attempt)
        except PathRefusedError as error:
            self._end(attempt, endings.no_file(str(error)))
            return
        attempt.execution = self._runner.launch(
            work,
            began=self._locked(lambda: self._began(attempt)),
            ended=lambda output: self._locked(lambda: self._ended(attempt, output))(),
        )

    def _locked(self, call: Callable[[], None]) -> Callable[[], None]:
        def locked() -> None:
            with self._agenda.lock:
                call()

        return locked

    def _work(self, attempt: TaskRun) -> Work:
        settings, run = attempt.resolved, attempt.job_run
        is_notebook = attempt.type == "notebook_task"
        return Work(
            self._runner.find(settings["notebook_path" if is_notebook else "python_file"]),
            run_id=run.run_id,
            task_run_id=attempt.run_id,
            arguments=settings.get("parameters", []),
            is_notebook=is_notebook,
            widgets=settings.get("base_parameters", {}),
            values={key: other.output.values for key, other in run.latest.items() if other.output},
        )

    def _began(self, attempt: TaskRun) -> None:
        if attempt.is_terminal:
            return
        attempt.life_cycle_state = "RUNNING"
        attempt.execution_start = self.now()
        if timeout := attempt.task.get("timeout_seconds"):
            self._agenda.after(timeout, partial(self._stop, attempt, endings.TIMED_OUT))
        self._advance(attempt.job_run)

    def _ended(self, attempt: TaskRun, output: Output) -> None:
        attempt.output = output
        if attempt.is_terminal:
            return
        attempt.execution_end = self.now()
        attempt.ending = attempt.ending or (endings.FAILED if output.error else SUCCEEDED)
        attempt.life_cycle_state = "TERMINATING"
        self._agenda.after(self._delays.cleanup, partial(self._end, attempt, attempt.ending))
        self._advance(attempt.job_run)

    def _stop(self, attempt: TaskRun, ending: Ending) -> None:
        """Stop an attempt wherever it is; one whose process runs ends when that has ended."""
        if attempt.is_terminal or attempt.ending:
            return
        if attempt.execution:
            attempt.execution.stop()
            self._agenda.after(self._delays.grace, attempt.execution.kill)
        if attempt.life_cycle_state == "RUNNING":
            attempt.ending = ending
            attempt.life_cycle_state = "TERMINATING"
        else:
            self._close(attempt, ending)

    def _end(self, attempt: TaskRun, ending: Ending) -> None:
        self._close(attempt, ending)
        if self._may_retry(attempt):
            retry = self._add_attempt(attempt.job_run, attempt.task, previous=attempt)
            retry.life_cycle_state = "WAITING_FOR_RETRY"
            interval = attempt.task.get("min_retry_interval_millis", 0) / 1000 / self._time_scale
            passed = (self.now() - attempt.start_time) / 1000
            self._agenda.after(max(0.0, interval - passed), partial(self._prepare, retry))
        self._advance(attempt.job_run)

    def _close(self, attempt: TaskRun, ending: Ending) -> None:
        attempt.ending = ending
        attempt.life_cycle_state = ending.life_cycle_state
        attempt.end_time = self.now()

    def _may_retry(self, attempt: TaskRun) -> bool:
        retries = attempt.task.get("max_retries", 0)
        result = attempt.ending.result_state if attempt.ending else None
        retried = result == dag.FAILED or (
            result == dag.TIMEDOUT and attempt.task.get("retry_on_timeout", False)
        )
        return bool(
            retried and not attempt.job_run.stopping and (retries < 0 or attempt.attempt_number < retries)
        )


def _result_for(upstream: TaskRun, outcome: str | None) -> str | None:
    """What a dependency came to; a condition that went the other way has excluded this branch."""
    wrong_way = outcome is not None and upstream.result == dag.SUCCESS and upstream.outcome != outcome
    return dag.EXCLUDED if wrong_way else upstream.result


def _given_parameters(attempt: TaskRun, settings: Json) -> Json:
    """The task's own settings, with what run-now gave in their place.

    `python_params` replace a Python file's parameters. `notebook_params` and job parameters are merged over a
    notebook's, the job's last (docs.databricks.com/jobs/parameters).
    """
    run = attempt.job_run
    if attempt.type == "spark_python_task" and "python_params" in run.overriding:
        return settings | {"parameters": run.overriding["python_params"]}
    if attempt.type == "notebook_task":
        base = settings.get("base_parameters", {}) | run.overriding.get("notebook_params", {})
        return settings | {"base_parameters": base | run.job_parameters}
    return settings
