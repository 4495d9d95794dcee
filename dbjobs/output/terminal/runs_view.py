"""The live view of several runs: a row a run, and below it its tasks that are active or failed."""

from collections.abc import Sequence
from heapq import nsmallest

from rich.text import Text

from dbjobs.api.models import OWN_FAILURES, TaskRun
from dbjobs.api.states import Phase
from dbjobs.output.formatting import count, format_counts, format_duration, format_message, format_progress
from dbjobs.output.terminal.frame import WORRY, Frame, format_ended, format_next_poll
from dbjobs.output.terminal.grid import LEAST, Column
from dbjobs.output.terminal.style import cut
from dbjobs.output.terminal.tree import urgency
from dbjobs.runs.watching import Snapshot, WatchedRun

COLUMNS = (
    Column(is_whole=True),
    Column(gap=1),
    Column(is_whole=True),
    Column(is_whole=True),
    Column(is_whole=True, is_right=True),
    Column(is_optional=True),
)
"""Symbol, run or task, run id, state, duration, and what else there is to say."""

NARROW_COLUMNS = (COLUMNS[0], Column(is_whole=True, gap=1), COLUMNS[3], COLUMNS[4])
"""Symbol, run id or task, state, duration."""


def head(snapshot: Snapshot, frame: Frame) -> list[Text]:
    states = format_counts(_state(watched) for watched in snapshot.runs)
    number = count(len(snapshot.runs), "run")
    return [frame.trim(Text.assemble((number, "bold"), f"  {states}  {format_duration(snapshot.elapsed)}"))]


def foot(snapshot: Snapshot, frame: Frame) -> list[Text]:
    return frame.all_facts(format_ended(snapshot), format_next_poll(snapshot))


def body(snapshot: Snapshot, frame: Frame, room: int) -> list[Text]:
    """The runs that matter most in `room` lines; what is left of it goes to their tasks."""
    runs = snapshot.runs
    is_folded = len(runs) > room
    places = _most_urgent(runs, max(0, room - is_folded))
    tasks = _urgent_tasks([runs[place] for place in places], room - len(places) - is_folded)
    lines: list[list[Text]] = []
    for place in places:
        watched = runs[place]
        lines.append(_run_row(watched, frame))
        lines += [_task_row(task, watched, frame) for task in tasks.get(watched.run_id, ())]
    folded = [_state(watched) for place, watched in enumerate(runs) if place not in set(places)]
    return [*_lay_out(lines, frame), *([frame.fold(folded, "runs")] if folded else [])][:room]


def _lay_out(rows: list[list[Text]], frame: Frame) -> list[Text]:
    """In a narrow window the run's id stands for its name, and tasks' keys get no more room than that."""
    if not frame.is_narrow:
        return frame.rows(COLUMNS, rows)
    widest = max((run_id.cell_len for _, _, run_id, *_ in rows), default=0)
    narrow = [
        [symbol, run_id if run_id.plain else cut(name, max(widest, LEAST), frame.glyphs), state, duration]
        for symbol, name, run_id, state, duration, _ in rows
    ]
    return frame.rows(NARROW_COLUMNS, narrow)


def _state(watched: WatchedRun) -> str:
    if watched.is_lost:
        return "GONE"
    return watched.run.shown_state if watched.run else "not seen yet"


def _most_urgent(runs: Sequence[WatchedRun], room: int) -> list[int]:
    return sorted(nsmallest(room, range(len(runs)), key=lambda place: _run_urgency(runs[place])))


def _run_urgency(watched: WatchedRun) -> int:
    return urgency(watched.run) if watched.run and not watched.is_lost else 0


def _urgent_tasks(runs: Sequence[WatchedRun], room: int) -> dict[int, list[TaskRun]]:
    """By run_id: tasks that are active or failed, at most `room` in all, the failed before the others."""
    candidates = [
        (watched.run_id, task)
        for watched in runs
        if watched.run
        for task in watched.run.tasks
        if task.phase is Phase.ACTIVE or task.outcome in OWN_FAILURES
    ]
    chosen = nsmallest(max(0, room), candidates, key=lambda candidate: urgency(candidate[1]))
    tasks: dict[int, list[TaskRun]] = {}
    for run_id, task in chosen:
        tasks.setdefault(run_id, []).append(task)
    return tasks


def _run_row(watched: WatchedRun, frame: Frame) -> list[Text]:
    run = watched.run
    run_id = Text(str(watched.run_id))
    if run is None or watched.is_lost:
        cause = frame.line(watched.error.message) if watched.error else ""
        name = Text(frame.line(watched.label or (run.run_name if run else "")))
        return [Text("!" if cause else "?", WORRY), name, run_id, Text(_state(watched)), Text(), Text(cause)]
    name = Text(frame.line(watched.label or run.run_name), "bold")
    more = Text(format_progress(run) or frame.line(format_message(run)), "dim")
    return [frame.symbol(run), name, run_id, frame.state(run), frame.duration(run), more]


def _task_row(task: TaskRun, watched: WatchedRun, frame: Frame) -> list[Text]:
    name = Text(f"  {frame.line(task.task_key)}")
    details = frame.details(task, watched.children.get(task.task_key))
    return [frame.symbol(task), name, Text(), frame.state(task), frame.duration(task), details]
