"""A timeline in SVG: an axis, and a strip of bars for each row.

Positions are shares of the width, so the strips need no script to fit a window; colors
come from the page's style, by class.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from dbjobs.output.formatting import DAY, HOUR, MINUTE, AnyRun, format_duration
from dbjobs.output.reports.model import span_of

STRIP = 18
"""Height of a strip, in pixels."""

MAX_TICKS = 6
STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR * n for n in (1, 2, 3, 6, 12)),
)
"""Seconds between two ticks: the smallest that fits; above these, whole days."""


@dataclass(frozen=True)
class Chart:
    """The time that the axis covers: `start` and `end` in epoch milliseconds, `now` in seconds."""

    start: float
    end: float
    now: float

    @property
    def seconds(self) -> float:
        return max(1.0, (self.end - self.start) / 1000)

    def share(self, moment: float) -> float:
        """The position of a moment, in percent of the width."""
        return round(min(100.0, max(0.0, (moment - self.start) / 10 / self.seconds)), 3)

    @property
    def ticks(self) -> list[float]:
        """Seconds from the start."""
        days = DAY * (1 + int(self.seconds / DAY / MAX_TICKS))
        step = next((step for step in STEPS if self.seconds / step <= MAX_TICKS), days)
        return [number * step for number in range(int(self.seconds / step) + 1)]


def draw_axis(chart: Chart) -> str:
    """The ticks with their times, counted from the start."""
    marks = []
    for tick in chart.ticks:
        share = 100 * tick / chart.seconds
        anchor = "start" if share < 4 else "end" if share > 92 else "middle"  # all within the axis
        label = re.sub("(?<=[mhd])00[smh]$", "", format_duration(tick))  # 30m rather than 30m00s
        marks.append(f'<text x="{share:.3f}%" y="13" text-anchor="{anchor}">{label}</text>')
    return f'<svg width="100%" height="{STRIP}">{"".join(marks)}</svg>'


def draw_bars(chart: Chart, bars: Iterable[tuple[AnyRun, str, str]]) -> str:
    """A strip: for each run its bar, with a class and a tooltip.

    Time before the work itself is drawn lighter. However short, a bar can be seen.
    """
    shares = [f"{100 * tick / chart.seconds:.3f}%" for tick in chart.ticks]
    drawn = [f'<line class="tick" x1="{share}" x2="{share}" y2="100%"/>' for share in shares]
    for run, kind, tip in bars:
        span = span_of(run, chart.now)
        if span is None:
            continue
        waited = sum(run.seconds_in(part) or 0 for part in ("queue", "setup")) * 1000
        work = min(span[0] + waited, span[1])
        light = _rect(chart, span[0], work, "light") if work > span[0] else ""
        drawn.append(
            f'<g class="{kind}"><title>{tip}</title>{light}{_rect(chart, work, span[1], "work")}</g>'
        )
    return f'<svg width="100%" height="{STRIP}" role="img">{"".join(drawn)}</svg>'


def _rect(chart: Chart, start: float, end: float, kind: str) -> str:
    left, right = chart.share(start), chart.share(end)
    corner = f'x="{left}%" y="4" height="{STRIP - 8}"'
    minimum = f'<rect class="{kind}" {corner} width="2"/>' if kind == "work" and left < 100 else ""
    return f'{minimum}<rect class="{kind}" {corner} width="{right - left:.3f}%" rx="2"/>'
