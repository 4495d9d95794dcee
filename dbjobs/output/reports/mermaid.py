"""A Gantt as Mermaid draws it: https://mermaid.js.org/syntax/gantt.html"""

from collections.abc import Iterator, Sequence

from dbjobs.output.excerpts import short_line
from dbjobs.output.formatting import DAY, AnyRun
from dbjobs.output.reports.model import span_of, whole_span
from dbjobs.output.terminal.style import Look, look_of

MOST_BARS = 60
"""More make a picture that nobody reads; GitHub draws 50,000 characters at most."""

LONGEST_NAME = 60

TAGS = {Look.GOOD: "done", Look.RUNNING: "active", Look.FAILED: "crit", Look.STOPPED: "crit"}
"""How Mermaid colours a bar."""


def draw_gantt(bars: Sequence[tuple[str, AnyRun]], now: float) -> Iterator[str]:
    """The lines of a fenced block, in the order given; nothing if nothing has started."""
    started = [(name, run) for name, run in bars if run.start_time][:MOST_BARS]
    whole = whole_span([run for _, run in started], now)
    if not whole:
        return
    is_long = whole[1] - whole[0] > DAY * 1000
    yield from ("", "```mermaid", "gantt", "    dateFormat x")
    yield f"    axisFormat {'%m-%d %H:%M' if is_long else '%H:%M:%S'}"
    for name, run in started:
        start, end = span_of(run, now) or whole
        tag = TAGS.get(look_of(run))
        yield f"    {_name(name, run)} :{f'{tag}, ' if tag else ''}{start:.0f}, {end:.0f}"
    yield "```"


def _name(name: str, run: AnyRun) -> str:
    """Behind its symbol, so that it is no keyword; what Mermaid reads as its own becomes a blank."""
    plain = "".join(char if char.isalnum() or char in " _-.()=" else " " for char in short_line(name))
    return f"{look_of(run).symbol} {' '.join(plain.split())[:LONGEST_NAME]}".rstrip()
