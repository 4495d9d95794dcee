"""A timeline in SVG: an axis, and a strip of bars for each row.

Positions are shares of the width, so the strips need no script to fit a window; colors
come from the page's style, by class.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from dbjobs.output.formatting import DAY, HOUR, MINUTE, AnyRun, format_duration, format_short_duration
from dbjobs.output.reports.model import Span, span_of

STRIP = 18
"""Height of a strip, in pixels."""

MAX_TICKS = 6
STEPS = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(MINUTE * n for n in (1, 2, 5, 10, 15, 30)),
    *(HOUR * n for n in (1, 2, 3, 6, 12)),
)
"""Seconds between two ticks: the smallest that fits; above these, whole days."""

GAP_WIDTH = 3.0
"""Percent of the width that a folded gap takes."""

MAX_GAPS = 8
"""The longest ones are folded."""

MIN_GAP = 60.0
"""Seconds without activity that are worth folding, if they are long compared to the rest, too."""


WAITING = {"queue": ("queue", "waiting in the queue"), "setup": ("light", "waiting for compute")}
"""The parts of a run before its work, each with the class of its bar and its meaning."""

MIN_TICK_DISTANCE = 5.0
"""Percent of the width that the text of a tick needs."""


class Tick(NamedTuple):
    """A line across the rows, and its time on the axis."""

    share: float
    label: str


@dataclass(frozen=True)
class Chart:
    """The time that the axis covers: `start` and `end` in epoch milliseconds, `now` in seconds."""

    start: float
    end: float
    now: float
    gaps: tuple[Span, ...] = ()
    """what is folded, since nothing ran then, such as the time between a failure and its repair"""

    @property
    def seconds(self) -> float:
        """What is drawn."""
        folded = sum(end - start for start, end in self.gaps)
        return max(0.1, (self.end - self.start - folded) / 1000)

    def share(self, moment: float) -> float:
        """The position of a moment, in percent of the width."""
        moment = min(max(moment, self.start), self.end)
        begun = [gap for gap in self.gaps if gap[0] < moment]
        drawn = moment - self.start - sum(min(end, moment) - start for start, end in begun)
        width = 100 - GAP_WIDTH * len(self.gaps)
        return round(min(100.0, drawn / 10 / self.seconds * width / 100 + GAP_WIDTH * len(begun)), 3)

    @property
    def ticks(self) -> list[Tick]:
        """At even distances from the start; after a gap, from its end, which shows its own distance."""
        days = DAY * (1 + int(self.seconds / DAY / MAX_TICKS))
        step = next((step for step in STEPS if self.seconds / step <= MAX_TICKS), days)
        ticks = []
        starts = [self.start, *(end for _, end in self.gaps)]
        ends = [*(start for start, _ in self.gaps), self.end]
        for start, end in zip(starts, ends, strict=True):
            for number in range(int((end - start) / 1000 / step + 1e-9) + 1):
                share = self.share(start + number * step * 1000)
                label = _short(number * step)
                if start != self.start:
                    label = f"+{label}" if number else _short((start - self.start) / 1000)
                if not number or end == self.end or share < self.share(end) - MIN_TICK_DISTANCE / 2:
                    ticks.append(Tick(share, label))
        return ticks


def make_chart(runs: Sequence[AnyRun], now: float) -> Chart | None:
    """From the first start to the last end, long times of no activity folded; None if nothing has started."""
    spans = sorted(span for run in runs if (span := span_of(run, now)))
    if not spans:
        return None
    busy = [spans[0]]
    for start, end in spans[1:]:
        if start <= busy[-1][1]:
            busy[-1] = (busy[-1][0], max(busy[-1][1], end))
        else:
            busy.append((start, end))
    least = max(MIN_GAP * 1000, sum(end - start for start, end in busy) / 4)
    gaps = [(before[1], after[0]) for before, after in pairwise(busy) if after[0] - before[1] > least]
    longest = sorted(gaps, key=lambda gap: gap[0] - gap[1])[:MAX_GAPS]
    return Chart(busy[0][0], busy[-1][1], now, tuple(sorted(longest)))


def draw_axis(chart: Chart) -> str:
    """The ticks with their times, counted from the start."""
    marks = []
    last = -100.0
    for share, label in chart.ticks:
        if share - last < MIN_TICK_DISTANCE:
            continue
        last = share
        anchor = "start" if share < 4 else "end" if share > 92 else "middle"  # all within the axis
        marks.append(f'<text x="{share:.3f}%" y="13" text-anchor="{anchor}">{label}</text>')
    return f'<svg width="100%" height="{STRIP}">{"".join(marks)}</svg>'


def draw_bars(chart: Chart, bars: Iterable[tuple[AnyRun, str, str]]) -> str:
    """A strip: for each run its bar, with a class and a tooltip.

    Time in the queue and time for the cluster are drawn lighter. However short, a bar can be seen.
    """
    drawn = [f'<line class="tick" x1="{share}%" x2="{share}%" y2="100%"/>' for share, _ in chart.ticks]
    for start, end in chart.gaps:
        tip = f"{format_duration((end - start) / 1000)} without activity"
        drawn.append(
            f'<g><title>{tip}</title><rect class="gap" x="{chart.share(start)}%" '
            f'width="{GAP_WIDTH}%" height="100%"/></g>'
        )
    label = []
    for run, kind, tip in bars:
        span = span_of(run, chart.now)
        if span is None:
            continue
        position = span[0]
        waited = []
        for part, (light, _) in WAITING.items():
            end = min(position + (run.seconds_in(part) or 0) * 1000, span[1])
            if end > position:
                waited.append(_rect(chart, position, end, light))
            position = end
        work = _rect(chart, position, span[1], "work")
        drawn.append(f'<g class="{kind}"><title>{tip}</title>{"".join(waited)}{work}</g>')
        label.append(tip)
    described = f'role="img" aria-label="{"; ".join(label)}"' if label else 'aria-hidden="true"'
    return f'<svg width="100%" height="{STRIP}" {described}>{"".join(drawn)}</svg>'


def render_legend(chart: Chart, runs: Sequence[AnyRun]) -> str:
    """What lighter bars and folded times mean, if there are any."""
    entries = []
    for part, (light, meaning) in WAITING.items():
        if any(run.seconds_in(part) for run in runs):
            entries.append(f'<span class="swatch {light}"></span> {meaning}')
    if entries:
        entries.append('<span class="swatch work"></span> running')
    for start, end in chart.gaps:
        text = f"{format_duration((end - start) / 1000)} without activity"
        entries.append(f'<span class="swatch gap"></span> {text}')
    return (
        f'<p class="legend">{" ".join(f"<span>{entry}</span>" for entry in entries)}</p>' if entries else ""
    )


def _short(seconds: float) -> str:
    """`30m` rather than `30m00s`."""
    return re.sub("(?<=[mhd])00[smh]$", "", format_short_duration(seconds))


def _rect(chart: Chart, start: float, end: float, kind: str) -> str:
    left, right = chart.share(start), chart.share(end)
    corner = f'x="{left}%" y="4" height="{STRIP - 8}"'
    minimum = f'<rect class="{kind}" {corner} width="2"/>' if kind == "work" and left < 100 else ""
    return f'{minimum}<rect class="{kind}" {corner} width="{right - left:.3f}%" rx="2"/>'
