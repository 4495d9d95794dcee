"""A Gantt chart in Mermaid: https://mermaid.js.org/syntax/gantt.html"""

from collections.abc import Iterator, Sequence

from dbjobs.output.formatting import DAY, AnyRun, format_duration
from dbjobs.output.reports.gantt import make_chart
from dbjobs.output.reports.model import span_of
from dbjobs.output.terminal.style import StateStyle, style_of
from dbjobs.output.truncation import short_line

MAX_BARS = 60
"""More bars cannot be read; GitHub draws 50,000 characters at most."""

MAX_NAME = 60
"""Characters of a bar's name."""

TAGS = {
    StateStyle.GOOD: "done",
    StateStyle.RUNNING: "active",
    StateStyle.FAILED: "crit",
    StateStyle.STOPPED: "crit",
}
"""The tag that sets a bar's color in Mermaid."""


def draw_gantt(bars: Sequence[tuple[str, AnyRun]], now: float) -> Iterator[str]:
    """The lines of a fenced block, in the order given; nothing if nothing has started.

    A block has one linear axis, so after a long time of no activity another one begins.
    """
    started = [(name, run) for name, run in bars if run.start_time][:MAX_BARS]
    chart = make_chart([run for _, run in started], now)
    if chart is None:
        return
    ends = [*(gap[0] for gap in chart.gaps), chart.end]
    for index, end in enumerate(ends):
        start = chart.gaps[index - 1][1] if index else chart.start
        if index:
            idle = (start - chart.gaps[index - 1][0]) / 1000
            yield from ("", f"After {format_duration(idle)} without activity:")
        in_block = [(name, run) for name, run in started if start <= (run.start_time or 0) <= end]
        yield from _draw_block(in_block, now, is_long=end - start > DAY * 1000)


def _draw_block(bars: Sequence[tuple[str, AnyRun]], now: float, *, is_long: bool) -> Iterator[str]:
    yield from ("", "```mermaid", "gantt", "    dateFormat x")
    yield f"    axisFormat {'%m-%d %H:%M' if is_long else '%H:%M:%S'}"
    for name, run in bars:
        start, end = span_of(run, now) or (0, 0)
        style = style_of(run)
        # after its symbol, a name is not read as a keyword; what Mermaid reads as syntax becomes a blank
        plain = "".join(char if char.isalnum() or char in " _-.()=" else " " for char in short_line(name))
        label = f"{style.symbol} {' '.join(plain.split())[:MAX_NAME]}".rstrip()
        tag = f"{TAGS[style]}, " if style in TAGS else ""
        yield f"    {label} :{tag}{start:.0f}, {end:.0f}"
    yield "```"
