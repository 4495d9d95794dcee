"""What a run leaves behind, in words: the output of its tasks, its failures, its sum.

Plain text without colour, cleaned of whatever could move a terminal's cursor.
"""

from collections.abc import Iterator

from dbjobs.api.models import Run, TaskRun
from dbjobs.common.plain_text import clean_line, clean_text
from dbjobs.http.response import Payload
from dbjobs.output.formatting import (
    format_attempt,
    format_counts,
    format_duration,
    format_state,
    format_time_spent,
    format_took,
)
from dbjobs.output.task_results import format_output_field, format_task
from dbjobs.output.truncation import MAX_ERROR_LINES, first_lines, last_lines, truncate
from dbjobs.runs.watching import Ending, Snapshot, WatchedRun

INDENT = "  "


def render_output(task: TaskRun, output: Payload | None, child: Run | None = None, problem: str = "") -> str:
    """All that get-output answered for a task, under its key: result, logs, error and trace.

    `child` is the run that a run_job task started; `problem` says why there is no output.
    Ends with a blank line, so that the outputs of several tasks stand apart.
    """
    parts = [*format_task(task), *_parts(task, output or {}, child)]
    if not parts and not problem and not task.is_ended:
        problem = f"the task is {format_state(task)}; output comes when a task ends"
    if problem or not parts:
        parts.append(f"(no output: {clean_line(problem)})" if problem else "(no output)")
    return "\n".join([_heading(task), *parts, "", ""])


def _heading(task: TaskRun) -> str:
    facts = [clean_line(task.task_key), clean_line(task.shown_state), format_took(task), format_attempt(task)]
    return f"==> {'  '.join(fact for fact in facts if fact)} <=="


def _parts(task: TaskRun, output: Payload, child: Run | None) -> Iterator[str]:
    notebook = output.get("notebook_output") or {}
    yield from _section("result", notebook.get("result"), _cut_note(notebook.get("truncated"), "first", task))
    yield from _section("logs", output.get("logs"), _cut_note(output.get("logs_truncated"), "last", task))
    for field, value in output.items():
        if field.endswith("_output") and field != "notebook_output" and value:
            yield from _section(field, format_output_field(field, value, child))
    yield from _section("info", output.get("info"))
    yield from _section("error", output.get("error"))
    yield from _section("error_trace", output.get("error_trace"))


def _cut_note(is_cut: object, kept: str, task: TaskRun) -> str:
    """The API keeps 5 MB: of a notebook's result the first, of logs the last."""
    if not is_cut:
        return ""
    where = f"; all of it: {clean_line(task.run_page_url)}" if task.run_page_url else ""
    return f"(truncated: these are the {kept} 5 MB{where})"


def _section(title: str, text: object, note: str = "") -> Iterator[str]:
    """A title and the text below it, or beside it if it is a line."""
    if not text:
        return
    clean = clean_text(str(text)).strip("\n")
    yield f"{title}: {clean}" if "\n" not in clean else f"{title}:\n{clean}"
    if note:
        yield note


def render_failure(task: TaskRun, output: Payload | None, *, tail_lines: int = 20) -> str:
    """Why a task failed: its error and the tail of its trace, or of its logs where there is none."""
    output = output or {}
    facts = [
        f"task {clean_line(task.task_key)}: {clean_line(task.shown_state)}",
        format_attempt(task),
        format_took(task),
    ]
    lines = [", ".join(fact for fact in facts if fact)]
    lines += [INDENT + line for line in first_lines(output.get("error") or task.message, MAX_ERROR_LINES)]
    lines += _tail(*trace_of(output), tail_lines)
    if task.run_page_url:
        lines.append(INDENT + clean_line(task.run_page_url))
    return "\n".join([*lines, "", ""])


def trace_of(output: Payload) -> tuple[str, object]:
    """What tells how a task came to fail, and its title: the trace, or the logs where there is none."""
    field = "error_trace" if output.get("error_trace") else "logs"
    return {"error_trace": "trace", "logs": "logs"}[field], output.get(field)


def _tail(title: str, text: object, most: int) -> list[str]:
    shown, number = last_lines(text, most)
    if not number:
        return []
    heading = title if len(shown) == number else f"{title}, the last {len(shown)} of {number} lines"
    return [f"{INDENT}{heading}:", *(INDENT * 2 + line for line in shown)]


def render_summary(snapshot: Snapshot) -> str:
    """How a watch ended, run by run: outcome, duration, where the time went, which tasks failed."""
    return "\n".join(truncate(line) for watched in snapshot.runs for line in _summary_of(watched, snapshot))


def _summary_of(watched: WatchedRun, snapshot: Snapshot) -> Iterator[str]:
    run = watched.run
    if run is None or watched.is_lost:
        seen = f"last seen {clean_line(format_state(run))}" if run else "never seen"
        yield f"run {watched.run_id}: {seen}"  # why is told as an error
        return
    yield f"run {run.run_id} ({clean_line(run.run_name)}): {_ending_of(run, snapshot)}"
    yield from _labelled("spent on", format_time_spent(run) if run.is_ended else "")
    yield from _labelled("tasks", format_counts(clean_line(task.shown_state) for task in run.tasks))
    yield from _labelled("failed", ", ".join(clean_line(task.task_key) for task in run.failed_tasks))
    yield from _labelled("url", clean_line(run.run_page_url or ""))


def _labelled(label: str, text: str) -> Iterator[str]:
    if text:
        yield f"{INDENT}{label}: {text}"


def _ending_of(run: Run, snapshot: Snapshot) -> str:
    state = clean_line(format_state(run))
    if run.is_ended:
        took = format_took(run)
        return f"{state} after {took}" if took else state
    waited = format_duration(snapshot.elapsed)
    if snapshot.ending is Ending.CONTACT_LOST:
        return (
            f"last seen {state}; contact lost {format_duration(snapshot.elapsed - snapshot.last_contact)} ago"
        )
    return f"still {state} after waiting {waited}"
