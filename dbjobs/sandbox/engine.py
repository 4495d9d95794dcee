"""The state machine: moves runs and their tasks forward as time passes and work ends.

    run      QUEUED → PENDING → RUNNING → TERMINATING → TERMINATED | INTERNAL_ERROR, or at once SKIPPED
    attempt  BLOCKED | WAITING_FOR_RETRY → PENDING → RUNNING → TERMINATING → TERMINATED | INTERNAL_ERROR,
             or from BLOCKED straight to SKIPPED

One lock, the agenda's, guards all of it: every method is to be called with it held. Time moves by the
agenda's calls alone, and processes report back from the runner's threads; no thread waits for a run. What an
attempt does between PENDING and TERMINATING is an `Execution` of the module `tasks`.

Which life_cycle_state a run gets whose code failed differs between workspaces. Here a one-time run of a
single task ends INTERNAL_ERROR + FAILED, and all others TERMINATED + FAILED, so that clients meet both.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dbjobs.sandbox import dag, endings, parameters, references
from dbjobs.sandbox.model import NO_CLUSTER, JobRun, Pass, TaskAttempt, Termination, depends_on, new_id
from dbjobs.sandbox.scenario import Occasion, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from dbjobs.sandbox.agenda import Agenda
    from dbjobs.sandbox.execution import AttemptOutput, Execution
    from dbjobs.sandbox.model import Json
    from dbjobs.sandbox.runner import Runner

SETUP = 1.0
CLEANUP = 0.3
"""How long things take besides the user's code: seconds at time scale 1."""

GRACE = 2.0
"""Seconds from asking a process to end until it is killed; never scaled."""


class Engine:
    """Runs what it is given; `make_execution` gives the work of an attempt that is set up."""

    def __init__(
        self,
        agenda: Agenda,
        runner: Runner,
        make_execution: Callable[[TaskAttempt, Engine], Execution],
        time_scale: float = 1.0,
        scenario: Scenario | None = None,
    ) -> None:
        self.lock = agenda.lock
        self.runner = runner
        self.task_runs: dict[int, TaskAttempt] = {}
        self.start_job: Callable[[TaskAttempt], JobRun]
        """Starts the run that a run-job task asks for; the workspace sets it, since it knows the jobs."""
        self.run_ended: Callable[[JobRun], None] = lambda run: None
        """Is called with each run that has ended; the workspace sets it, since it keeps them."""
        self._agenda = agenda
        self._make_execution = make_execution
        self._scenario = scenario or Scenario()
        self._time_scale = time_scale

    def now(self) -> int:
        """Epoch milliseconds."""
        return int(self._agenda.clock() * 1000)

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        self._agenda.after(seconds, call)

    # Runs

    def start_or_queue(self, run: JobRun, *, may_queue: bool) -> None:
        """Begin the run; or queue or skip it if its job is at its max_concurrent_runs."""
        forced = run.forced = self._scenario.run_outcome(Occasion(run.run_name), self._agenda.clock())
        if forced and forced.queued_for:
            run.is_held, run.queued_time = True, self.now()
            self.after(forced.queued_for / self._time_scale, partial(self._release, run))
        elif run.may_begin:
            self._begin(run)
        elif may_queue:
            run.queued_time = self.now()
        else:
            self._finish(run, endings.too_many_runs(run))

    def _release(self, run: JobRun) -> None:
        run.is_held = False
        if run.may_begin and not run.is_terminal:
            self._begin(run)

    def repair(self, run: JobRun, repair_id: int, keys: Container[str]) -> None:
        """Run these tasks of an ended run once more, with the run's settings as they are now."""
        run.ending = run.stopping = None
        run.end_time = 0
        run.passes.append(Pass(repair_id=repair_id, start_time=self.now()))
        tasks = {task["task_key"]: task for task in run.tasks}
        latest = run.attempts.latest
        for key in [key for key in latest if key not in tasks]:
            del latest[key]
        self._start(run, [task for key, task in tasks.items() if key in keys], tasks)

    def cancel(self, run: JobRun) -> None:
        """Stop all of the run; does nothing if it has ended."""
        self._stop_run(run, endings.CANCELED_ATTEMPT)

    def cancel_task(self, attempt: TaskAttempt) -> None:
        """Stop one task; what depends on it follows its own run_if."""
        self.stop(attempt, endings.CANCELED_ATTEMPT)
        self._advance_dependents(attempt)

    def forget(self, run: JobRun) -> None:
        """Forget a run."""
        self.task_runs = {key: value for key, value in self.task_runs.items() if value.job_run is not run}
        self.runner.forget(run.run_id)

    def _begin(self, run: JobRun) -> None:
        run.begin_time = self.now()
        depends = depends_on(run.tasks)
        self._start(run, run.tasks, dag.select(run.only, depends) if run.only else depends)

    def _start(self, run: JobRun, tasks: list[Json], selected: Container[str]) -> None:
        for task in tasks:
            attempt = self.add_attempt(run, task)
            if task.get("disabled") or attempt.task_key not in selected:
                attempt.close(endings.DISABLED_ATTEMPT, self.now())
        if timeout := run.settings.get("timeout_seconds"):
            self.after(timeout, partial(self._time_out, run, run.passes[-1]))
        run.life_cycle_state = "PENDING"
        self._advance(run)

    def _time_out(self, run: JobRun, timed: Pass) -> None:
        if timed is run.passes[-1]:
            self._stop_run(run, endings.TIMED_OUT_ATTEMPT)

    def _stop_run(self, run: JobRun, ending: Termination) -> None:
        if run.is_terminal or run.stopping:
            return
        run.stopping = ending
        if run.life_cycle_state == "QUEUED":
            self._finish(run, ending)
            return
        for attempt in run.attempts.unfinished():
            if attempt.life_cycle_state == "BLOCKED":
                attempt.close(endings.not_run(dag.UPSTREAM_CANCELED), self.now())
            else:
                self.stop(attempt, ending)
        self._advance(run)

    def _advance(self, run: JobRun) -> None:
        """Advance every task as far as its dependencies allow, and the run with them."""
        if run.is_terminal:
            return
        unfinished = run.attempts.unfinished
        while any(
            self._start_if_ready(attempt) for attempt in unfinished() if attempt.life_cycle_state == "BLOCKED"
        ):
            pass
        if unfinished():
            run.life_cycle_state = self._life_cycle_state(run)
        else:
            self._finish(run, endings.of_run(run))

    def _life_cycle_state(self, run: JobRun) -> str:
        active = run.attempts.unfinished()
        last_steps = all(a.life_cycle_state == "TERMINATING" and not _may_retry(a) for a in active)
        if run.stopping or last_steps:
            return "TERMINATING"
        begun = any(self.task_runs[run_id].execution_start for run_id in run.passes[-1].task_run_ids)
        return "RUNNING" if begun else "PENDING"

    def _finish(self, run: JobRun, ending: Termination) -> None:
        if run.forced and run.forced.is_ending and not run.stopping:
            ending = endings.forced(run.forced)
        for ended in (run, run.passes[-1]):
            ended.close(ending, self.now())
        self.run_ended(run)
        if run.job and run.job.has_capacity():
            queue = [one for one in run.job.runs if one.life_cycle_state == "QUEUED" and not one.is_held]
            for waiting in queue[:1]:
                self._begin(waiting)
        self._notify_parent(run.parent)

    # Attempts

    def add_attempt(
        self,
        run: JobRun,
        task: Json,
        *,
        parent: TaskAttempt | None = None,
        key: str = "",
        is_retry: bool = False,
    ) -> TaskAttempt:
        """A new attempt at a task; or, with a parent, at the iteration of a for-each task by that key."""
        run_id, key = new_id(self.task_runs), key or task["task_key"]
        siblings = parent.iterations if parent else run.attempts
        attempt = TaskAttempt(run_id, run, task, key, parent)
        if earlier := siblings.latest.get(key):
            attempt.follow(earlier, is_retry=is_retry)
        self.task_runs[run_id] = attempt
        siblings.add(attempt)
        if not parent:
            run.passes[-1].task_run_ids.append(run_id)
        return attempt

    def _start_if_ready(self, attempt: TaskAttempt) -> bool:
        """Start a blocked task, or close it, if its dependencies allow; True if it was closed."""
        items = attempt.task.get("depends_on", ())
        latest = attempt.job_run.attempts.latest
        results = [_result_for(latest[item["task_key"]], item.get("outcome")) for item in items]
        decision = dag.decide(attempt.task.get("run_if", "ALL_SUCCESS"), results)
        if decision == dag.RUN:
            self.prepare(attempt)
        elif decision != dag.WAIT:
            attempt.close(endings.not_run(decision), self.now())
        return attempt.is_terminal

    def prepare(self, attempt: TaskAttempt) -> None:
        """Begin with the set-up; the attempt's own work follows."""
        if attempt.is_terminal:
            return
        attempt.life_cycle_state = "PENDING"
        attempt.start_time = self.now()
        occasion = Occasion(attempt.job_run.run_name, attempt.task_key, attempt.attempt_number)
        forced = attempt.forced = self._scenario.task_outcome(occasion, self._agenda.clock())
        setup = 0.0 if attempt.type in NO_CLUSTER else SETUP
        if forced and forced.setup is not None:
            setup = forced.setup
        self.after(setup / self._time_scale, partial(self._execute, attempt))

    def _execute(self, attempt: TaskAttempt) -> None:
        if attempt.is_terminal:
            return
        attempt.resolved = references.resolve(parameters.given_to(attempt), attempt)
        attempt.execution = self._make_execution(attempt, self)
        attempt.execution.start()

    def began(self, attempt: TaskAttempt) -> None:
        """Its work has begun."""
        if attempt.is_terminal:
            return
        attempt.life_cycle_state = "RUNNING"
        attempt.execution_start = self.now()
        if timeout := attempt.task.get("timeout_seconds"):
            self.after(timeout, partial(self.stop, attempt, endings.TIMED_OUT_ATTEMPT))
        self._advance_dependents(attempt)

    def ended(self, attempt: TaskAttempt, ending: Termination, output: AttemptOutput | None = None) -> None:
        """Its work is over; the clean-up follows. If it was stopped, it ends as that requires."""
        attempt.output = output
        if attempt.is_terminal or attempt.execution_end:
            return
        attempt.execution_end = self.now()
        attempt.ending = attempt.ending or ending
        attempt.life_cycle_state = "TERMINATING"
        self.after(CLEANUP / self._time_scale, partial(self.end, attempt, attempt.ending))
        self._advance_dependents(attempt)

    def stop(self, attempt: TaskAttempt, ending: Termination) -> None:
        """Stop an attempt in any state; one whose work is in progress ends when that has ended."""
        if attempt.is_terminal or attempt.ending:
            return
        if attempt.life_cycle_state == "RUNNING":
            attempt.ending = ending
            attempt.life_cycle_state = "TERMINATING"
        else:
            attempt.close(ending, self.now())
        if attempt.execution:
            attempt.execution.stop()
            self.after(GRACE, attempt.execution.kill)

    def end(self, attempt: TaskAttempt, ending: Termination) -> None:
        """Close it, and try again if its settings say so."""
        attempt.close(ending, self.now())
        if _may_retry(attempt):
            parent, key = attempt.parent, attempt.key
            retry = self.add_attempt(attempt.job_run, attempt.task, parent=parent, key=key, is_retry=True)
            retry.life_cycle_state = "WAITING_FOR_RETRY"
            interval = attempt.task.get("min_retry_interval_millis", 0) / 1000 / self._time_scale
            passed = (self.now() - attempt.start_time) / 1000
            self.after(max(0.0, interval - passed), partial(self.prepare, retry))
        self._advance_dependents(attempt)

    def _advance_dependents(self, attempt: TaskAttempt) -> None:
        """Continue what waited for this."""
        if attempt.parent:
            self._notify_parent(attempt.parent)
        else:
            self._advance(attempt.job_run)

    def _notify_parent(self, parent: TaskAttempt | None) -> None:
        if parent and parent.execution:
            parent.execution.advance()


def _may_retry(attempt: TaskAttempt) -> bool:
    retries, ending = attempt.task.get("max_retries", 0), attempt.ending
    is_stopping = attempt.job_run.stopping or (attempt.parent and attempt.parent.ending)
    if ending is None or is_stopping or 0 <= retries <= attempt.retries:
        return False
    if ending.result_state == dag.TIMEDOUT:
        return bool(attempt.task.get("retry_on_timeout"))
    return ending.result_state == dag.FAILED or ending.life_cycle_state == dag.INTERNAL_ERROR


def _result_for(upstream: TaskAttempt, outcome: str | None) -> str | None:
    """The result of a dependency; a condition with the other outcome has excluded this branch."""
    wrong_way = outcome is not None and upstream.result == dag.SUCCESS and upstream.outcome != outcome
    return dag.EXCLUDED if wrong_way else upstream.result
