"""A timeline in SVG: an axis, and a strip of bars for each row, all as wide as the place they are put.

Positions are shares of the width, so the strips need no script to fit a window; colours
come from the page's style, by class.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from dbjobs.output.formatting import DAY, HOUR, MINUTE, AnyRun, format_duration
from dbjobs.output.reports.model import span_of

STRIP = 18
"""Height of a strip, in pixels."""

MOST_TICKS = 6
STEPS = (
    1,
    2,
    5,
    10,
    15,
    30,
    *(MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR * n for n in (1, 2, 3, 6, 12)),
)
"""Seconds between two ticks, the nicest that there is room for; above that whole days."""


@dataclass(frozen=True)
class Chart:
    """From when to when the axis goes; epoch milliseconds, `now` in seconds."""

    start: float
    end: float
    now: float

    @property
    def seconds(self) -> float:
        return max(1.0, (self.end - self.start) / 1000)

    def share(self, moment: float) -> float:
        """Where a moment lies, in per cent of the width."""
        return round(min(100.0, max(0.0, (moment - self.start) / 10 / self.seconds)), 3)

    @property
    def ticks(self) -> list[float]:
        """Seconds from the start."""
        days = DAY * (1 + int(self.seconds / DAY / MOST_TICKS))
        step = next((step for step in STEPS if self.seconds / step <= MOST_TICKS), days)
        return [number * step for number in range(int(self.seconds / step) + 1)]


def draw_axis(chart: Chart) -> str:
    """The ticks with their times, counted from the start."""
    marks = [_mark(100 * tick / chart.seconds, _format_tick(tick)) for tick in chart.ticks]
    return f'<svg width="100%" height="{STRIP}">{"".join(marks)}</svg>'


def _format_tick(seconds: float) -> str:
    """`30m` rather than `30m00s`."""
    return re.sub("(?<=[mhd])00[smh]$", "", format_duration(seconds))


def _mark(share: float, label: str) -> str:
    """A label stands at its tick, but for those at the ends, which would stand outside."""
    anchor = "start" if share < 4 else "end" if share > 92 else "middle"
    return f'<text x="{share:.3f}%" y="13" text-anchor="{anchor}">{label}</text>'


def draw_bars(chart: Chart, bars: Iterable[tuple[AnyRun, str, str]]) -> str:
    """A strip: for each run its bar, with a class and what it says under the mouse."""
    shares = [f"{100 * tick / chart.seconds:.3f}%" for tick in chart.ticks]
    lines = [f'<line class="tick" x1="{share}" x2="{share}" y2="100%"/>' for share in shares]
    drawn = [_bar(chart, *bar) for bar in bars]
    return f'<svg width="100%" height="{STRIP}" role="img">{"".join(lines)}{"".join(drawn)}</svg>'


def _bar(chart: Chart, run: AnyRun, kind: str, tip: str) -> str:
    """Time before the work itself is drawn lighter. However short, a bar can be seen."""
    span = span_of(run, chart.now)
    if span is None:
        return ""
    waited = sum(run.seconds_in(part) or 0 for part in ("queue", "setup")) * 1000
    work = min(span[0] + waited, span[1])
    light = _rect(chart, span[0], work, "light") if work > span[0] else ""
    return f'<g class="{kind}"><title>{tip}</title>{light}{_rect(chart, work, span[1], "work")}</g>'


def _rect(chart: Chart, start: float, end: float, kind: str) -> str:
    left, right = chart.share(start), chart.share(end)
    place = f'x="{left}%" y="4" height="{STRIP - 8}"'
    least = f'<rect class="{kind}" {place} width="2"/>' if kind == "work" and left < 100 else ""
    return f'{least}<rect class="{kind}" {place} width="{right - left:.3f}%" rx="2"/>'
