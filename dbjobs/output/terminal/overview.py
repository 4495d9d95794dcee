"""The table of `jobs list --runs`: each job's last runs as a strip, what runs now, and its next run."""

from collections.abc import Mapping, Sequence

from rich.text import Text

from dbjobs.output.formatting import format_age, format_duration
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.layout import CAUSE_SHARE, CAUSE_WIDTH, MIN_NAME_WIDTH, Column, lay_out_table
from dbjobs.output.terminal.screen import canvas_for, write_lines
from dbjobs.runs.causes import Cause
from dbjobs.runs.overview import JobOverview

MAX_STRIP = 10
"""Runs in a strip such as `✓✗✓`, the newest on the right."""

SHORT_STRIP, SHORT_STRIP_WIDTH = 5, 80
"""On a terminal that is narrower, a strip has fewer runs."""

_COLUMNS = (
    Column("NAME", min_width=MIN_NAME_WIDTH),
    Column("RUNS", is_whole=True),
    Column("LAST", is_whole=True),
    Column("NOW", is_whole=True, is_optional=True, priority=4, min_width=1),
    Column("NEXT", is_whole=True, is_optional=True, priority=3, min_width=1),
    Column("JOB ID", is_whole=True, is_optional=True),
    Column("MESSAGE", is_optional=True, priority=2, min_width=CAUSE_WIDTH, min_share=CAUSE_SHARE),
)


def show_overview(
    streams: Streams, jobs: Sequence[JobOverview], now: float, causes: Mapping[int, Cause]
) -> None:
    """Write the table to stdout, for people; `causes` are those of the last runs, by run_id."""
    write_lines(streams, [*render_overview(jobs, canvas_for(streams, streams.out, now), causes)])


def render_overview(
    jobs: Sequence[JobOverview], canvas: Canvas, causes: Mapping[int, Cause] = {}
) -> list[Text]:
    """The lines of the table."""
    rows = [_make_row(job, causes, canvas) for job in jobs]
    return lay_out_table(_COLUMNS, rows, width=canvas.width, glyphs=canvas.glyphs)


def _make_row(job: JobOverview, causes: Mapping[int, Cause], canvas: Canvas) -> list[Text]:
    last = job.ended[0] if job.ended else None
    is_narrow = canvas.width is not None and canvas.width < SHORT_STRIP_WIDTH
    strip = job.ended[: SHORT_STRIP if is_narrow else MAX_STRIP]
    age = format_age(last.end_time or last.start_time, canvas.now) if last else ""
    return [
        Text(canvas.line(job.name), "bold"),
        Text.assemble(*(canvas.symbol(run) for run in reversed(strip))),
        Text.assemble(canvas.state(last), f" {age}" if age else "") if last else Text(),
        _format_now(job, canvas),
        Text(canvas.line(_format_next(job, is_short=not canvas.has_dates))),
        Text(str(job.job_id)),
        canvas.cause(last, causes.get(last.run_id)) if last else Text(),
    ]


def _format_now(job: JobOverview, canvas: Canvas) -> Text:
    """`● 12m04s, usually 10m02s`, in short `● 12m04s of 10m02s`; `○ QUEUED` for a run that waits."""
    if not job.active:
        return Text()
    seconds, usual = job.seconds_so_far, job.usual_seconds
    so_far = format_duration(seconds) if seconds is not None else canvas.line(job.active[0].shown_state)
    is_late = seconds is not None and usual is not None and seconds > usual
    text = so_far
    if usual is not None and seconds is not None:
        text += f"{', usually' if canvas.has_dates else ' of'} {format_duration(usual)}"
    text += f" (+{len(job.active) - 1})" if len(job.active) > 1 else ""
    return Text.assemble(canvas.symbol(job.active[0]), " ", (text, "bold" if is_late else ""))


def _format_next(job: JobOverview, *, is_short: bool) -> str:
    """`in 5h12m, Thu 02:00 Europe/Berlin`; what starts the job if it is not a schedule; `paused`."""
    if job.is_paused:
        return "paused" if is_short else f"{job.starts_by} paused"
    moment = job.next_run
    if moment is None:
        return "not known" if job.starts_by == "schedule" else job.starts_by
    distance = f"in {format_duration(moment.timestamp() - job.now)}"
    if is_short:
        return distance
    zone = (job.job.get("settings") or {}).get("schedule", {}).get("timezone_id")
    return f"{distance}, {moment:%a %H:%M} {zone}"
