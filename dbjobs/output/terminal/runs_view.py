"""The live view of several runs: a row per run, and below it its tasks that are active or failed."""

from collections.abc import Sequence
from heapq import nsmallest

from rich.text import Text

from dbjobs.api.models import OWN_FAILURES, TaskRun
from dbjobs.api.states import Phase
from dbjobs.output.expectations import expected_end, format_left
from dbjobs.output.formatting import (
    AnyRun,
    count,
    format_counts,
    format_duration,
    format_message,
    format_progress,
    format_run_message,
    format_waiting,
    join_facts,
)
from dbjobs.output.repairs import format_repair
from dbjobs.output.terminal.frame import (
    DURATION_WIDTH,
    STATE_WIDTH,
    WARNING_STYLE,
    Frame,
    contact_lines,
    format_ended,
    format_next_poll,
)
from dbjobs.output.terminal.layout import INDENT, MIN_COLUMN_WIDTH, Column
from dbjobs.output.terminal.style import cut
from dbjobs.output.terminal.tree import most_urgent, urgency
from dbjobs.runs.snapshots import Snapshot, WatchedRun

RUN_COLUMNS: tuple[Column, ...] = (
    Column(is_whole=True),
    Column(gap=1),
    Column(is_whole=True),
    Column(is_whole=True, reserved=STATE_WIDTH),
    Column(is_whole=True, is_right=True, reserved=DURATION_WIDTH),
    Column(is_optional=True),
)
"""Symbol, run or task, run id, state, duration, details."""

NARROW_RUN_COLUMNS = (
    RUN_COLUMNS[0],
    Column(is_whole=True, gap=1),
    Column(is_whole=True),
    Column(is_whole=True, is_right=True),
    RUN_COLUMNS[-1],
)
"""Symbol, run id or task, state, duration, details."""


def render_runs(snapshot: Snapshot, frame: Frame) -> list[Text]:
    """The view of several runs: how many are in which state, the most urgent ones, and the progress."""
    states = format_counts(_state(watched) for watched in snapshot.runs)
    number = count(len(snapshot.runs), "run")
    head = Text.assemble((number, "bold"), f"  {states}  {format_duration(snapshot.elapsed)}")
    foot = frame.foot(format_ended(snapshot), format_next_poll(snapshot))
    return frame.stack(
        [frame.trim(head)],
        lambda lines: draw_runs(snapshot, frame, lines),
        [*contact_lines(snapshot, frame), *foot],
    )


def draw_runs(snapshot: Snapshot, frame: Frame, max_lines: int) -> list[Text]:
    """The most urgent runs; lines that are left go to the URLs of those that failed, then to the tasks that
    failed or are active, then to details that do not fit beside them."""
    runs = snapshot.runs
    urgencies = [urgency(one.run) if one.run and not one.is_lost else 0 for one in runs]
    candidates = sum(map(frame.shows, urgencies))
    has_hidden = len(runs) > min(max_lines, candidates)
    indexes = most_urgent(urgencies, max(0, min(max_lines - has_hidden, candidates)))
    shown = [runs[index] for index in indexes]
    left = max(0, max_lines - len(shown) - has_hidden)
    failed = [watched for watched in shown if watched.run and watched.run.outcome in OWN_FAILURES]
    urls: dict[int, list[Text]] = {}
    for watched in failed:
        page = frame.url(watched.run.run_page_url, INDENT * 2) if watched.run else []
        if page and len(page) <= left:  # half of one is of no use
            urls[watched.run_id] = page
            left -= len(page)
    tasks = _most_urgent_tasks(shown, left)
    left -= sum(map(len, tasks.values()))
    rows: list[list[Text]] = []
    pages: dict[int, list[Text]] = {}
    detailed: dict[int, AnyRun] = {}
    for watched in shown:
        expected = expected_end(snapshot, watched)
        if watched.run_id in urls:
            pages[len(rows)] = urls[watched.run_id]
        if watched.run and watched.run.phase is Phase.WAITING:
            detailed[len(rows)] = watched.run
        has_causes = any(task.is_ended for task in tasks.get(watched.run_id, ()))
        remaining = format_left(expected) if expected else ""
        repair = format_repair(watched, snapshot.elapsed)
        rows.append(_run_row(watched, frame, remaining, repair, has_causes=has_causes))
        for task in tasks.get(watched.run_id, ()):
            detailed[len(rows)] = task
            rows.append(_task_row(watched, task, frame))
    columns = RUN_COLUMNS
    if frame.is_narrow:  # the run's id replaces its name, and tasks' keys get no more cells than that
        columns = NARROW_RUN_COLUMNS
        widest = max([MIN_COLUMN_WIDTH, *(run_id.cell_len for _, _, run_id, *_ in rows)])
        rows = [
            [symbol, run_id if run_id.plain else cut(name, widest, frame.glyphs), state, duration, details]
            for symbol, name, run_id, state, duration, details in rows
        ]
    lines: list[Text] = []
    for index, (line, *below) in enumerate(frame.rows(columns, rows, detailed, left)):
        lines += [line, *pages.get(index, ()), *below]
    if has_hidden:
        chosen = set(indexes)
        hidden = [_state(watched) for index, watched in enumerate(runs) if index not in chosen]
        lines.append(frame.count_hidden(hidden, "runs"))
    return lines[:max_lines]


def _most_urgent_tasks(runs: Sequence[WatchedRun], number: int) -> dict[int, list[TaskRun]]:
    """Of the tasks that failed or are active, the most urgent ones, by run_id."""
    candidates = [
        (watched.run_id, task)
        for watched in runs
        for task in (watched.run.tasks if watched.run else ())
        if task.phase is Phase.ACTIVE or task.outcome in OWN_FAILURES
    ]
    tasks: dict[int, list[TaskRun]] = {}
    for run_id, task in nsmallest(number, candidates, key=lambda candidate: urgency(candidate[1])):
        tasks.setdefault(run_id, []).append(task)
    return tasks


def _state(watched: WatchedRun) -> str:
    if watched.is_lost:
        return "GONE"
    return watched.run.shown_state if watched.run else "not seen yet"


def _run_row(watched: WatchedRun, frame: Frame, left: str, repair: str, *, has_causes: bool) -> list[Text]:
    """`has_causes`: rows of its failed tasks follow."""
    run = watched.run
    run_id = Text(str(watched.run_id))
    if run is None or watched.is_lost:
        cause = frame.line(watched.error.message) if watched.error else ""
        name = Text(frame.line(watched.label or (run.run_name if run else "")))
        symbol = Text("!" if cause else "?", WARNING_STYLE)
        return [symbol, name, run_id, Text(_state(watched)), Text(), Text(cause)]
    name = Text(frame.line(watched.label or run.run_name), "bold")
    causes = filter(None, map(watched.cause_of, run.failed_tasks if run.is_ended and not has_causes else ()))
    if run.phase is Phase.WAITING:
        news = join_facts(format_waiting(run, frame.now), format_run_message(watched), separator=": ")
    else:
        news = repair or next(causes, "") or format_progress(run) or format_message(run)
    details = Text(join_facts(frame.line(news), left, separator=frame.glyphs.dot), "dim")
    return [frame.symbol(run), name, run_id, frame.state(run), frame.duration(run), details]


def _task_row(watched: WatchedRun, task: TaskRun, frame: Frame) -> list[Text]:
    name = Text(f"  {frame.line(task.task_key)}")
    details = frame.details(task, watched.children.get(task.task_key), watched.cause_of(task))
    return [frame.symbol(task), name, Text(), frame.state(task), frame.duration(task), details]
