"""A Gantt chart in Mermaid: https://mermaid.js.org/syntax/gantt.html"""

from collections.abc import Iterator, Sequence

from dbjobs.output.formatting import DAY, AnyRun
from dbjobs.output.reports.model import span_of, whole_span
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
    """The lines of a fenced block, in the order given; nothing if nothing has started."""
    started = [(name, run) for name, run in bars if run.start_time][:MAX_BARS]
    whole = whole_span([run for _, run in started], now)
    if not whole:
        return
    is_long = whole[1] - whole[0] > DAY * 1000
    yield from ("", "```mermaid", "gantt", "    dateFormat x")
    yield f"    axisFormat {'%m-%d %H:%M' if is_long else '%H:%M:%S'}"
    for name, run in started:
        start, end = span_of(run, now) or whole
        style = style_of(run)
        # after its symbol, a name is not read as a keyword; what Mermaid reads as syntax becomes a blank
        plain = "".join(char if char.isalnum() or char in " _-.()=" else " " for char in short_line(name))
        label = f"{style.symbol} {' '.join(plain.split())[:MAX_NAME]}".rstrip()
        tag = f"{TAGS[style]}, " if style in TAGS else ""
        yield f"    {label} :{tag}{start:.0f}, {end:.0f}"
    yield "```"
