"""Text about what a run has produced: the outputs of its tasks, its failures, its summary.

Plain text without colors, cleaned of whatever could move a terminal's cursor.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from dbjobs.api.models import Run, TaskRun
from dbjobs.common.plain_text import clean_line, clean_text
from dbjobs.http.response import Payload
from dbjobs.output.causes import describe_failure, format_names
from dbjobs.output.formatting import (
    format_attempt,
    format_child,
    format_counts,
    format_duration,
    format_iterations,
    format_state,
    format_time_spent,
    format_took,
    join_facts,
)
from dbjobs.output.repairs import describe_repairs
from dbjobs.output.serialization import to_yaml
from dbjobs.output.truncation import last_lines, truncate
from dbjobs.runs.failures import FailedTask
from dbjobs.runs.snapshots import Ending, Snapshot, WatchedRun

_INDENT = "  "

SIGNED_FIELDS = ("artifacts_headers",)
"""Fields that give access to whoever has them; only `-o json` shows them."""


def render_output(task: TaskRun, output: Payload | None, child: Run | None = None, problem: str = "") -> str:
    """All that get-output answered for a task, under its key: result, logs, error and trace.

    `child` is the run that a run_job task started; `problem` says why there is no output.
    Ends with a blank line, which separates the outputs of several tasks.
    """
    facts = (clean_line(task.task_key), clean_line(task.shown_state), format_took(task), format_attempt(task))
    parts = [*_describe_task(task), *_describe_output(task, output or {}, child)]
    if not parts and not problem and not task.is_ended:
        problem = f"the task is {format_state(task)}; its output is available when it ends"
    if problem or not parts:
        parts.append(f"(no output: {clean_line(problem)})" if problem else "(no output)")
    return "\n".join([f"==> {join_facts(*facts, separator=_INDENT)} <==", *parts, "", ""])


def _describe_task(task: TaskRun) -> Iterator[str]:
    """What get-output does not say: the outcome of a condition, and how iterations ended."""
    condition = task.payload.get("condition_task") or {}
    if condition.get("outcome"):
        sides = (condition.get("left"), condition.get("op"), condition.get("right"))
        words = (*sides, "is", condition["outcome"])
        yield clean_line(f"condition: {' '.join(str(word) for word in words if word is not None)}")
    if iterations := format_iterations(task):
        yield f"iterations: {iterations}"
    stats = (task.payload.get("for_each_task") or {}).get("stats") or {}
    for entry in stats.get("error_message_stats") or ():
        yield clean_line(f"  {entry.get('count')}x {entry.get('error_message')}")


def _describe_output(task: TaskRun, output: Payload, child: Run | None) -> Iterator[str]:
    """The fields of get-output. The API keeps 5 MB: of a notebook's result the first, of logs the last."""
    notebook = output.get("notebook_output") or {}
    where = f"; all of it: {clean_line(task.run_page_url)}" if task.run_page_url else ""
    yield from _section("result", notebook.get("result"))
    if notebook.get("result") and notebook.get("truncated"):
        yield f"(truncated: these are the first 5 MB{where})"
    yield from _section("logs", output.get("logs"))
    if output.get("logs") and output.get("logs_truncated"):
        yield f"(truncated: these are the last 5 MB{where})"
    for field, value in output.items():
        if not field.endswith("_output") or field == "notebook_output" or not value:
            continue
        if field == "run_job_output" and isinstance(value, dict) and "run_id" in value:
            run = format_child(child) or f"run {value['run_id']}"
            page = child.run_page_url if child else None
            yield from _section(field, clean_line(join_facts(run, page, separator=" ")))
        else:
            yield from _section(field, to_yaml(_without_secrets(value)))
    for field in ("info", "error", "error_trace"):
        yield from _section(field, output.get(field))


def _section(title: str, text: object) -> Iterator[str]:
    """A title and the text below it, or beside it if it is one line."""
    if text:
        clean = clean_text(str(text)).strip("\n")
        yield f"{title}: {clean}" if "\n" not in clean else f"{title}:\n{clean}"


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: "<hidden>" if key in SIGNED_FIELDS else _without_secrets(item) for key, item in value.items()
        }
    return [_without_secrets(item) for item in value] if isinstance(value, list) else value


def render_failure(
    failed: FailedTask, keys: Sequence[str] = (), label: str = "", *, tail_lines: int = 20
) -> str:
    """Why a task failed: its causes and the end of its trace, or of its logs where there is none.

    `keys`: of several tasks that failed alike, all of them. `label` distinguishes the run from others.
    """
    task = failed.task
    of_run = f" of {clean_line(label)}" if label else ""
    if len(keys) > 1:
        lines = [f"tasks {format_names(keys)}{of_run}: {clean_line(task.shown_state)}"]
    else:
        state = f"task {clean_line(failed.name)}{of_run}: {clean_line(task.shown_state)}"
        lines = [join_facts(state, format_attempt(task), format_took(task))]
    lines += [_INDENT + line for line in describe_failure(failed)]
    title, text = trace_of(failed.trace)
    shown, number = last_lines(text, tail_lines)
    if number:
        heading = title if len(shown) == number else f"{title}, the last {len(shown)} of {number} lines"
        lines += [f"{_INDENT}{heading}:", *(_INDENT * 2 + line for line in shown)]
    if task.run_page_url:
        lines.append(_INDENT + clean_line(task.run_page_url))
    return "\n".join([*lines, "", ""])


def trace_of(output: Payload) -> tuple[str, object]:
    """What shows how a task failed, and its title: the trace, or the logs where there is none."""
    if output.get("error_trace"):
        return "trace", output["error_trace"]
    return "logs", output.get("logs")


def render_summary(snapshot: Snapshot) -> str:
    """How a watch ended, run by run: outcome, duration, where the time went, which tasks failed."""
    return "\n".join(truncate(line) for watched in snapshot.runs for line in _summarize(watched, snapshot))


def _summarize(watched: WatchedRun, snapshot: Snapshot) -> Iterator[str]:
    run = watched.run
    if run is None or watched.is_lost:
        seen = f"last seen {clean_line(format_state(run))}" if run else "never seen"
        yield f"run {watched.run_id}: {seen}"  # the reason is reported as an error
        return
    state, took = clean_line(format_state(run)), format_took(run)
    if run.is_ended:
        ending = f"{state} after {took}" if took else state
    elif snapshot.ending is Ending.CONTACT_LOST:
        silence = format_duration(snapshot.elapsed - snapshot.last_contact)
        ending = f"last seen {state}; contact lost {silence} ago"
    else:
        ending = f"still {state} after waiting {format_duration(snapshot.elapsed)}"
    yield f"run {run.run_id} ({clean_line(run.run_name)}): {ending}"
    facts = {
        "spent on": format_time_spent(run) if run.is_ended else "",
        "tasks": format_counts(clean_line(task.shown_state) for task in run.tasks),
        "failed": ", ".join(clean_line(task.task_key) for task in run.failed_tasks),
        "url": clean_line(run.run_page_url or ""),
    }
    yield from (f"{_INDENT}{label}: {text}" for label, text in facts.items() if text)
    yield from (f"{_INDENT}{line}" for line in describe_repairs(watched))
