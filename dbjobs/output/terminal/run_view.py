"""The live view: one frame of a watch, from a snapshot and a size.

    ● RUNNING  nightly load  2m05s
      run 8412 · job 77 · started 21:04:05
      https://adb-1.2.azuredatabricks.net/?o=1#job/77/run/8412

      ✓ ingest      SUCCESS    12s
      ● ├─ clean_a  RUNNING     4s  attempt 2
      ○ └─ report   BLOCKED

      1 of 3 tasks done · next poll in 4s

A frame never holds more lines, nor wider ones, than it is given: what does not fit is
folded, and only what is shown is laid out.
"""

from collections.abc import Callable
from typing import NamedTuple

from rich.cells import chop_cells
from rich.style import Style
from rich.text import Text

from dbjobs.api.models import Run
from dbjobs.output.formatting import (
    format_attempt,
    format_clock,
    format_duration,
    format_message,
    format_progress,
    format_time_spent,
    seconds_of,
)
from dbjobs.output.terminal import runs_view
from dbjobs.output.terminal.frame import INDENT, WORRY, Frame, contact_lines, format_next_poll, stack
from dbjobs.output.terminal.style import UNICODE, Glyphs, cut, style_of
from dbjobs.output.terminal.task_rows import draw_tasks
from dbjobs.runs.watching import Snapshot, WatchedRun

TIGHT = 8
"""With less room than this for the tasks and blank lines around them, the blank lines go."""


def render_snapshot(
    snapshot: Snapshot, *, width: int, height: int, now: float, glyphs: Glyphs = UNICODE
) -> Text:
    """A moment of a watch, in at most `height` lines of at most `width` cells. `now` is epoch seconds.

    While contact is lost, what is shown stands still as it was seen last, its durations too.
    """
    unseen = snapshot.elapsed - snapshot.last_contact if snapshot.error else 0.0
    frame = Frame(width=max(1, width), height=max(1, height), now=now - unseen, glyphs=glyphs)
    view = ONE_RUN if snapshot.is_of_one else SEVERAL_RUNS
    head = view.head(snapshot, frame)
    foot = [*contact_lines(snapshot, frame), *view.foot(snapshot, frame)]
    room = frame.height - len(head) - len(foot)
    is_tight = room < TIGHT
    body = view.body(snapshot, frame, max(0, room if is_tight else room - 2))
    lines = stack(head, body, foot, is_tight=is_tight)
    return Text("\n", no_wrap=True, overflow="crop").join(lines[: frame.height])


def _head(snapshot: Snapshot, frame: Frame) -> list[Text]:
    watched, run = snapshot.runs[0], snapshot.runs[0].run
    if run is None:
        return [_unseen(watched, frame)]
    facts = frame.facts(
        f"run {run.run_id}", f"job {run.job_id}" if run.job_id else "", format_attempt(run), _started(run)
    )
    gone = [_unseen(watched, frame)] if watched.is_lost else []
    return [_title(run, frame), facts, *_url(run, frame), *_message(run, frame), *gone]


def _title(run: Run, frame: Frame) -> Text:
    state = frame.whole_state(run)
    elapsed = format_duration(seconds_of(run, frame.now))
    fixed = len("✓ ") + state.cell_len + 2 * len(INDENT) + len(elapsed)
    name = cut(Text(frame.line(run.run_name), "bold"), max(8, frame.width - fixed), frame.glyphs)
    title = Text.assemble(frame.symbol(run), " ", state, INDENT, name, INDENT, elapsed)
    title.rstrip()
    return frame.trim(title)


def _unseen(watched: WatchedRun, frame: Frame) -> Text:
    """A run of which nothing is known yet, or nothing more will be."""
    if watched.is_lost and watched.error:
        return frame.trim(Text(f"! run {watched.run_id}  {frame.line(watched.error.message)}", WORRY))
    return frame.trim(Text(f"? run {watched.run_id}  not seen yet"))


def _started(run: Run) -> str:
    return f"started {format_clock(run.start_time / 1000)}" if run.start_time else ""


def _url(run: Run, frame: Frame) -> list[Text]:
    """The address in full, over several lines if it must be, each a link to the whole."""
    url = frame.line(run.run_page_url or "")
    style = Style(link=url) if url.startswith(("https://", "http://")) else Style()
    margin = INDENT if frame.width > 2 * len(INDENT) else ""
    chunks = chop_cells(url, frame.width - len(margin))
    return [Text.assemble(margin, (chunk, style)) for chunk in chunks if chunk]


def _message(run: Run, frame: Frame) -> list[Text]:
    message = frame.line(format_message(run))
    return [frame.indent(message, style_of(run).style)] if message else []


def _body(snapshot: Snapshot, frame: Frame, room: int) -> list[Text]:
    return draw_tasks(snapshot.runs[0], frame, room)


def _foot(snapshot: Snapshot, frame: Frame) -> list[Text]:
    run = snapshot.runs[0].run
    spent = format_time_spent(run) if run and run.is_ended else ""
    return frame.all_facts(format_progress(run) if run else "", spent, format_next_poll(snapshot))


class View(NamedTuple):
    """The parts of a frame; the body gets what room head and foot leave."""

    head: Callable[[Snapshot, Frame], list[Text]]
    body: Callable[[Snapshot, Frame, int], list[Text]]
    foot: Callable[[Snapshot, Frame], list[Text]]


ONE_RUN = View(_head, _body, _foot)
SEVERAL_RUNS = View(runs_view.head, runs_view.body, runs_view.foot)
