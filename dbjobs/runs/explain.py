"""Why a run failed, what is known of it from earlier runs, and what to do next."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from http import HTTPStatus
from typing import Any

from dbjobs.api.client import JobsApi
from dbjobs.api.models import OWN_FAILURES, Run
from dbjobs.api.states import Outcome, Phase
from dbjobs.errors import DbjobsError
from dbjobs.http.response import Payload
from dbjobs.http.retry import NO_RETRIES
from dbjobs.jobfiles.differences import Difference
from dbjobs.runs.cause_signs import Category
from dbjobs.runs.causes import Cause, find_cause, group_causes
from dbjobs.runs.comparison import compare_runs
from dbjobs.runs.earlier_runs import EarlierRuns, read_earlier_runs
from dbjobs.runs.failures import FailureReader, failed_attempts
from dbjobs.runs.log_delivery import find_logs

MAX_TASKS = 10
"""Failed tasks whose outputs are read; of the others, only what the run itself says is known."""


@dataclass(frozen=True)
class NextStep:
    """A command that helps, and why it does."""

    command: str
    """such as `runs repair`"""
    arguments: str
    reason: str


@dataclass(frozen=True)
class TaskDuration:
    """How long a failed task took, and how long it took in the last good run, in seconds."""

    task_key: str
    seconds: float
    last_good_seconds: float


@dataclass(frozen=True)
class Explanation:
    """All that is known of why a run failed, the first cause first."""

    run: Run
    causes: tuple[Cause, ...]
    earlier_attempts: tuple[Cause, ...] = ()
    """causes of attempts that were followed by others, where they differ from those above"""
    held_back: tuple[str, ...] = ()
    """tasks that did not run because of the failed ones"""
    earlier: EarlierRuns = field(default_factory=EarlierRuns)
    changes: tuple[Difference, ...] = ()
    """what is different from the last good run"""
    durations: tuple["TaskDuration", ...] = ()
    """of the failed tasks that the last good run had as well"""
    logs: tuple[tuple[str, str], ...] = ()
    """by the keys of failed tasks, where their logs are delivered"""
    next_steps: tuple[NextStep, ...] = ()
    not_read: tuple[str, ...] = ()
    """what was left out, and why"""

    @property
    def is_sure(self) -> bool:
        return bool(self.causes) and all(cause.is_sure for cause in self.causes)


def explain_run(api: JobsApi, run: Run, reader: FailureReader) -> Explanation:
    """Read what is needed, in a bounded number of requests; what cannot be read is listed, not an error."""
    explanation = explain_alone(run, reader)
    if not explanation.causes:
        return explanation
    earlier = read_earlier_runs(api, run, explanation.causes, reader)
    not_read = list(explanation.not_read)
    if earlier.problem:
        not_read.append(earlier.problem)
    if earlier.not_compared:
        not_read.append(f"the outputs of {len(earlier.not_compared)} earlier failures")
    if earlier.last_good:
        try:  # a list leaves out what the run itself has
            good = Run(api.get_run(earlier.last_good.run_id, NO_RETRIES))
            before = {task.task_key: task.seconds_at(task.end_time or 0) for task in good.tasks}
            durations = [
                TaskDuration(task.task_key, now, then)
                for task in failed_attempts(run)
                if (now := task.seconds_at(task.end_time or 0)) and (then := before.get(task.task_key))
            ]
            changes = compare_runs(good, run)
            explanation = replace(explanation, changes=tuple(changes), durations=tuple(durations))
        except DbjobsError as error:
            not_read.append(f"the last good run, so what has changed is not known: {error.message}")
            earlier = replace(earlier, last_good=None)
    return replace(explanation, earlier=earlier, not_read=tuple(not_read))


def explain_alone(run: Run, reader: FailureReader) -> Explanation:
    """From the run and the outputs of its tasks, without earlier runs."""
    not_read: list[str] = []
    causes = group_causes(list(_find_causes(run, reader, not_read)))
    known = {cause.identity for cause in causes}
    newest = {task.run_id for task in run.tasks}
    earlier_attempts = group_causes(
        [
            (f"{task.task_key}, attempt {task.attempt_number + 1}", find_cause(task))
            for task in run.attempts
            if task.run_id not in newest and task.outcome in OWN_FAILURES
        ]
    )
    logs = ((task.task_key, find_logs(run, task)) for task in failed_attempts(run))
    return Explanation(
        run,
        causes,
        earlier_attempts=tuple(
            cause
            for cause in earlier_attempts
            if cause.identity not in known and cause.category is not Category.UNKNOWN
        ),
        held_back=tuple(task.task_key for task in run.tasks if task.outcome is Outcome.UPSTREAM_FAILED),
        logs=tuple((key, where) for key, where in logs if where),
        next_steps=tuple(_next_steps(run, causes, reader)),
        not_read=tuple(not_read),
    )


def _find_causes(run: Run, reader: FailureReader, not_read: list[str]) -> Iterator[tuple[str, Cause]]:
    """Of each innermost failure, the first that happened first."""
    failed = sorted(failed_attempts(run), key=lambda task: task.end_time or 0)
    for number, task in enumerate(failed):
        if number >= MAX_TASKS:
            yield task.task_key, find_cause(task)
            continue
        failure = reader.read(task)
        if failure.output is None and task.run_id is not None:
            error = reader.errors.get(task.run_id)
            reason = error.message if error else "it could not be fetched"
            not_read.append(f"the output of {task.task_key}: {reason}")
        if failure.parts_left_out:
            not_read.append(f"{failure.parts_left_out} more failed parts of {task.task_key}")
        for name, cause in failure.named_causes():
            of_run = find_cause(run) if cause.category is Category.UNKNOWN and len(failed) == 1 else cause
            yield name, cause if of_run.category is Category.UNKNOWN else of_run
    if len(failed) > MAX_TASKS:
        not_read.append(f"the outputs of {len(failed) - MAX_TASKS} more failed tasks")
    if run.outcome is Outcome.CANCELED or (run.outcome and not failed and not run.outcome.is_good):
        yield from _of_whole_run(run)
    elif not failed and run.phase is Phase.WAITING:
        yield run.run_name, Cause(Category.NEVER_STARTED, line=run.message)


def _of_whole_run(run: Run) -> Iterator[tuple[str, Cause]]:
    """The cause of a run without a failed task: it was canceled, never ran, or says no more itself."""
    cause = find_cause(run)
    stopped = [task for task in run.tasks if task.outcome and not task.outcome.is_good]
    if cause.category is Category.UPSTREAM and stopped:
        cause = next(
            (one for task in stopped if (one := find_cause(task)).category is not Category.UPSTREAM), cause
        )
    names = [task.task_key for task in stopped if task.outcome is run.outcome] or [run.run_name]
    return ((name, cause) for name in names)


def _next_steps(run: Run, causes: Sequence[Cause], reader: FailureReader) -> Iterator[NextStep]:
    if any(error.answer and error.answer.status == HTTPStatus.FORBIDDEN for error in reader.errors.values()):
        yield NextStep(
            "profiles check", "", "shows who you are signed in as; that user may not read an output"
        )
    if not causes:
        return
    if not run.is_ended:
        yield NextStep("runs wait", str(run.run_id), "the run has not ended yet")
        return
    cause = causes[0]
    yield from _steps_before(run, cause)
    if cause.category is Category.NEVER_STARTED:
        if run.job_id:
            yield NextStep("runs rerun", str(run.run_id), "starts it again with the same parameters")
        return
    failed = len([task for task in run.tasks if task.outcome and not task.outcome.is_good])
    if reader.api.version == "2.0" or not run.tasks:
        reason = f"{_conditions(causes)}starts it again with the same parameters"
        yield NextStep("runs rerun", str(run.run_id), reason)
        return
    good = sum(task.outcome is Outcome.SUCCESS for task in run.tasks)
    others = "one" if good == 1 else str(good)
    kept = f", and keeps the results of the {others} that succeeded" if good else ""
    tasks = "the task" if failed == 1 else f"the {failed} tasks"
    reason = f"{_conditions(causes)}reruns {tasks} that did not succeed{kept}"
    yield NextStep("runs repair", f"{run.run_id} --rerun-failed", reason)


CONDITIONS = {
    Category.CODE: "the code is fixed",
    Category.PERMISSIONS: "the permission is granted",
    Category.CONFIGURATION: "the settings are right (a repair reads them again)",
}
"""What has to happen before running it again makes sense."""

REMARKS = {
    Category.PLATFORM: "neither the code nor the job has to change: ",
    Category.CANCELED: "continues where it was canceled: ",
    Category.UNKNOWN: "if the cause may have passed: ",
}


def _conditions(causes: Sequence[Cause]) -> str:
    needed = dict.fromkeys(CONDITIONS[cause.category] for cause in causes if cause.category in CONDITIONS)
    return f"once {' and '.join(needed)}: " if needed else REMARKS.get(causes[0].category, "")


def _steps_before(run: Run, cause: Cause) -> Iterator[NextStep]:
    """What to look at, or to change, before the run is started again."""
    job = str(run.job_id)
    key = cause.tasks[0].partition(" > ")[0] if cause.tasks else ""
    if cause.category in (Category.CODE, Category.UNKNOWN) and run.output_runs:
        named = f" --task {shlex.quote(key)}" if run.tasks else ""
        yield NextStep("runs output", f"{run.run_id}{named}", "shows the whole trace and the logs")
    if not run.job_id:
        return
    if cause.category is Category.PERMISSIONS:
        yield NextStep("jobs get", job, "shows who it runs as: that identity lacks the permission")
    elif cause.category is Category.CONFIGURATION:
        yield NextStep("jobs edit", job, "opens the settings that the message is about")
    elif cause.category is Category.CANCELED and cause.area == "its time limit":
        yield NextStep("jobs edit", job, "to raise timeout_seconds, if it needs more time")
    elif cause.category is Category.NEVER_STARTED and cause.code == "MAX_CONCURRENT_RUNS_EXCEEDED":
        yield NextStep("runs list", f"--job {job} --active", "shows the run that was in the way")
        reason = "lets a run wait instead of being skipped"
        yield NextStep("jobs update", f"{job} --set queue.enabled=true", reason)


def as_document(explanation: Explanation) -> Payload:
    """All of it, as plain values for programs."""
    run, earlier = explanation.run, explanation.earlier
    return {
        "run_id": run.run_id,
        "job_id": run.job_id,
        "run_name": run.run_name,
        "run_page_url": run.run_page_url,
        "state": run.shown_state,
        "outcome": run.outcome.name if run.outcome else None,
        "category": explanation.causes[0].category.value if explanation.causes else None,
        "is_sure": explanation.is_sure,
        "causes": [_cause_document(cause) for cause in explanation.causes],
        "earlier_attempts": [_cause_document(cause) for cause in explanation.earlier_attempts],
        "held_back": list(explanation.held_back),
        "earlier_runs": {
            "listed": earlier.listed,
            "same_cause": [_run_document(one) for one in earlier.same],
            "other_cause": [_run_document(one) for one in earlier.other],
            "not_compared": [_run_document(one) for one in earlier.not_compared],
            "since": _run_document(earlier.since) if earlier.since else None,
            "recovered": [_run_document(one) for one in earlier.recovered],
            "last_good": _run_document(earlier.last_good) if earlier.last_good else None,
        },
        "durations": [asdict(duration) for duration in explanation.durations],
        "logs": dict(explanation.logs),
        "changes": [change.as_document() for change in explanation.changes],
        "next_steps": [
            {"command": f"dbjobs {step.command} {step.arguments}".rstrip(), "reason": step.reason}
            for step in explanation.next_steps
        ],
        "not_read": list(explanation.not_read),
    }


def _cause_document(cause: Cause) -> dict[str, Any]:
    return {**asdict(cause), "category": cause.category.value, "tasks": list(cause.tasks)}


def _run_document(run: Run) -> Payload:
    return {"run_id": run.run_id, "start_time": run.start_time, "state": run.shown_state}
