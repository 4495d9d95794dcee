"""The live view: one frame of a watch, from a snapshot and a size.

    ● RUNNING  nightly load  2m05s
      run 8412 · job 77 · started 21:04:05
      https://adb-1.2.azuredatabricks.net/?o=1#job/77/run/8412
      ━━━━━━━━━━━━╌╌╌╌╌╌╌╌  usually 3m, about 1m left (ends 21:07)

      ✓ ingest      SUCCESS    12s
      ● ├─ clean_a  RUNNING     4s  attempt 2
      ○ └─ report   BLOCKED

      1 of 3 tasks done · next poll in 4s

A frame never has more lines, nor wider ones, than it is given: what does not fit is counted,
and only what is shown is laid out.
"""

from rich.text import Text

from dbjobs.api.models import Run
from dbjobs.output.expectations import delays_of, expected_end, format_delay, format_expected_end
from dbjobs.output.formatting import (
    format_attempt,
    format_clock,
    format_duration,
    format_progress,
    format_run_message,
    format_started,
    format_time_spent,
    format_waiting,
    seconds_of,
)
from dbjobs.output.repairs import format_repair, format_repairs
from dbjobs.output.terminal.frame import (
    DURATION_WIDTH,
    STATE_WIDTH,
    WARNING_STYLE,
    Frame,
    contact_lines,
    format_next_poll,
)
from dbjobs.output.terminal.layout import INDENT, Column
from dbjobs.output.terminal.runs_view import render_runs
from dbjobs.output.terminal.sets_view import render_sets
from dbjobs.output.terminal.style import UNICODE, Glyphs, cut, join_fitting, style_of
from dbjobs.output.terminal.tree import build_tree, draw_guides, most_urgent, urgency
from dbjobs.runs.snapshots import Snapshot, WatchedRun

LEAST_TASKS = 6
"""In a low window, ids and the URL are left out until this many tasks fit."""

TASK_COLUMNS = (
    Column(is_whole=True),
    Column(gap=1),
    Column(is_whole=True, reserved=STATE_WIDTH),
    Column(is_whole=True, is_right=True, reserved=DURATION_WIDTH),
    Column(is_optional=True),
)
"""Symbol, task, state, duration, details."""


def render_snapshot(
    snapshot: Snapshot,
    *,
    width: int,
    height: int,
    now: float,
    glyphs: Glyphs = UNICODE,
    has_filter: bool = False,
    is_unfolded: bool = False,
) -> Text:
    """A moment of a watch, in at most `height` lines of at most `width` cells. `now` is epoch seconds.

    `has_filter`: only what failed or is active is shown. `is_unfolded`: details are in full.

    While contact is lost, everything stays as it was last seen, durations included.
    """
    unseen = snapshot.elapsed - snapshot.last_contact if snapshot.error else 0.0
    frame = Frame(
        width=max(1, width),
        height=max(1, height),
        now=now - unseen,
        glyphs=glyphs,
        is_last=snapshot.ending is not None,
        has_filter=has_filter,
        is_unfolded=is_unfolded,
    )
    if snapshot.is_of_one:
        lines = render_run(snapshot, frame)
    elif snapshot.sets:
        lines = render_sets(snapshot, snapshot.sets, frame)
    else:
        lines = render_runs(snapshot, frame)
    return Text("\n", no_wrap=True, overflow="crop").join(lines)


def render_run(snapshot: Snapshot, frame: Frame) -> list[Text]:
    """The view of one run: what it is, its tasks, and its progress."""
    watched, run = snapshot.runs[0], snapshot.runs[0].run
    progress = format_progress(run) if run else ""
    spent = format_time_spent(run) if run and run.is_ended else ""
    foot = [*contact_lines(snapshot, frame), *frame.foot(progress, spent, format_next_poll(snapshot))]
    head = _draw_head(snapshot, watched, frame, frame.height - len(foot))
    return frame.stack(head, lambda lines: _draw_tasks(watched, frame, lines), foot)


def _draw_head(snapshot: Snapshot, watched: WatchedRun, frame: Frame, max_lines: int) -> list[Text]:
    """What the run is. In a low window, what does not change makes room for the tasks."""
    run = watched.run
    title: list[Text] = []
    ids: list[Text] = []
    url: list[Text] = []
    message: list[Text] = []
    if run:
        title = [_draw_title(run, frame)]
        started = f"{format_started(run)} {format_clock(run.start_time / 1000)}" if run.start_time else ""
        job = f"job {run.job_id}" if run.job_id else ""
        ids = frame.facts(f"run {run.run_id}", job, format_attempt(run), started)[:1]
        url = frame.url(run.run_page_url)
        if text := frame.line(format_run_message(watched)):
            message = [frame.indent(text, style_of(run).style)]
        repair = format_repair(watched, snapshot.elapsed) or (format_repairs(watched) if run.is_ended else "")
        message += [frame.indent(text) for text in [frame.line(repair)] if text]
    if watched.is_lost and watched.error:
        problem = f"! run {watched.run_id}  {frame.line(watched.error.message)}"
        message.append(frame.trim(Text(problem, WARNING_STYLE)))
    elif run is None or watched.is_lost:
        message.append(frame.trim(Text(f"? run {watched.run_id}  not seen yet")))
    parts = [title, ids, url, message, _draw_expected_end(snapshot, watched, frame)]
    least = min(LEAST_TASKS, len(run.tasks)) if run and not snapshot.ending else 0
    for part in (url, ids):
        if sum(map(len, parts)) + least > max_lines:
            part.clear()
    return [line for part in parts for line in part]


def _draw_title(run: Run, frame: Frame) -> Text:
    state = frame.whole_state(run)
    elapsed = format_waiting(run, frame.now) or format_duration(seconds_of(run, frame.now))
    name_width = frame.width - len("✓ ") - state.cell_len - 2 * len(INDENT) - len(elapsed)
    name = cut(Text(frame.line(run.run_name), "bold"), max(8, name_width), frame.glyphs)
    title = Text.assemble(frame.symbol(run), " ", state, INDENT, name, INDENT, elapsed)
    title.rstrip()
    return frame.trim(title)


def _draw_expected_end(snapshot: Snapshot, watched: WatchedRun, frame: Frame) -> list[Text]:
    """A bar with the time that is left, and what takes longer than usual."""
    expected = expected_end(snapshot, watched)
    if expected is None:
        return []
    text = format_expected_end(expected, frame.now, dash=frame.glyphs.dash)
    line = Text.assemble(INDENT, frame.bar(expected.share_done), INDENT, text)
    lines = [line] if line.cell_len <= frame.width else frame.facts(*text.split(", ", 1))
    for delay in delays_of(snapshot, watched):
        lines += [
            frame.indent(part, "late")
            for part in join_fitting(
                frame.line(format_delay(delay, snapshot, watched)).split(" "), frame.width - len(INDENT), " "
            )
        ]
    return lines


def _draw_tasks(watched: WatchedRun, frame: Frame, max_lines: int) -> list[Text]:
    """A line per task in the order of dependencies; tasks for which there is no line are counted."""
    nodes = build_tree(watched.run.tasks) if watched.run else []
    urgencies = [urgency(node.task) for node in nodes]
    candidates = sum(map(frame.shows, urgencies))
    has_hidden = len(nodes) > min(max_lines, candidates)
    max_task_lines = max_lines - has_hidden
    indexes = most_urgent(urgencies, max(0, min(max_task_lines, candidates)))
    tasks = [nodes[index].task for index in indexes]
    rows = [
        [
            frame.symbol(task),
            frame.name(task, guide),
            frame.state(task),
            frame.duration(task),
            frame.details(task, watched.children.get(task.task_key), watched.cause_of(task)),
        ]
        for task, guide in zip(tasks, draw_guides(nodes, indexes, frame.glyphs, frame.width), strict=True)
    ]
    drawn = frame.rows(TASK_COLUMNS, rows, dict(enumerate(tasks)), max_task_lines - len(tasks))
    lines = [line for row in drawn for line in row]
    if has_hidden:
        chosen = set(indexes)
        hidden = [node.task.shown_state for index, node in enumerate(nodes) if index not in chosen]
        lines.append(frame.count_hidden(hidden))
    return lines[:max_lines]
