"""The live view of a backfill: how far it is, a grid with a symbol for each set, and why some failed.

    60 sets of nightly load  12m05s
    ✓ 43 succeeded  ✗ 3 failed  ● 10 running  · 4 to start
    ━━━━━━━━━━━━━━━╌╌╌╌╌  46 of 60 ended, about 3m left (ends about 21:07)

      2026-01-01  ✓✓✓✗✓✓✓✓✓✓✓✓✓✗✓✓✓✓✓✓✓✓✓✗✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓✓
      2026-02-10  ✓✓✓✓✓✓●●●●●●●●●●····

      ✗ 3 sets: your code: KeyError: 'FR'  2026-01-04, 2026-01-14, 2026-01-24

Sets for which there are lines have one each, in place of the grid.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rich.cells import cell_len
from rich.text import Text

from dbjobs.output.causes import format_names
from dbjobs.output.formatting import count, format_duration
from dbjobs.output.sets import (
    SetAtMoment,
    SetGroup,
    SetState,
    common_prefix,
    count_states,
    format_sets_left,
    format_state_counts,
    groups_of,
    sets_of,
)
from dbjobs.output.terminal.canvas import Canvas
from dbjobs.output.terminal.frame import Frame, contact_lines, format_next_poll
from dbjobs.output.terminal.layout import INDENT
from dbjobs.output.terminal.runs_view import draw_runs
from dbjobs.output.terminal.style import StateStyle, cut, style_of
from dbjobs.runs.snapshots import PlannedSets, Snapshot

STYLES = {
    SetState.SUCCEEDED: StateStyle.GOOD,
    SetState.SUCCEEDED_WITH_FAILURES: StateStyle.MIXED,
    SetState.FAILED: StateStyle.FAILED,
    SetState.CANCELED: StateStyle.STOPPED,
    SetState.SKIPPED: StateStyle.LEFT_OUT,
    SetState.UNKNOWN: StateStyle.UNKNOWN,
    SetState.NOT_SEEN: StateStyle.UNKNOWN,
    SetState.RUNNING: StateStyle.RUNNING,
    SetState.QUEUED: StateStyle.WAITING,
    SetState.REFUSED: StateStyle.REFUSED,
    SetState.UNCERTAIN: StateStyle.UNKNOWN,
    SetState.TO_START: StateStyle.NOT_STARTED,
    SetState.NOT_STARTED: StateStyle.NOT_STARTED,
}

ENDED_STATES = frozenset(
    {
        SetState.SUCCEEDED,
        SetState.SUCCEEDED_WITH_FAILURES,
        SetState.FAILED,
        SetState.CANCELED,
        SetState.SKIPPED,
        SetState.UNKNOWN,
    }
)

ACTIVE_STATES = (SetState.RUNNING, SetState.QUEUED)

MAX_SET_ROWS = 30
"""With more sets, there is a grid even if there are lines for all of them."""

MAX_LABEL_WIDTH = 24
MAX_SYMBOLS = 100
"""In a row of the grid."""

FEWEST_SYMBOLS = 20
"""In a row beside its label; where a row is narrower, it has no label."""

MOST_GROUPS = 5
"""Causes that are shown while sets are still running."""

FEWEST_GRID_LINES = 3


def render_sets(snapshot: Snapshot, sets: PlannedSets, frame: Frame) -> list[Text]:
    """The view of a backfill of several sets."""
    moments = sets_of(snapshot, sets)
    foot = [*contact_lines(snapshot, frame), *frame.foot(format_next_poll(snapshot))]
    return frame.stack(
        _draw_head(snapshot, moments, frame),
        lambda lines: _draw_body(snapshot, sets, moments, frame, lines),
        foot,
    )


def _draw_head(snapshot: Snapshot, moments: Sequence[SetAtMoment], frame: Frame) -> list[Text]:
    """How many sets there are, in which states, which is the key to the grid, too, and how far they are."""
    name = next((f" of {frame.line(one.run.run_name)}" for one in snapshot.runs if one.run), "")
    elapsed = format_duration(snapshot.elapsed)
    title = Text.assemble((f"{count(len(moments), 'set')}{name}", "bold"))
    title = cut(title, max(8, frame.width - len(elapsed) - len(INDENT)), frame.glyphs)
    counts = count_states(one.state for one in moments)
    lines = [Text.assemble(title, INDENT, elapsed)]
    parts = [
        Text(f"{STYLES[state].symbol_in(frame.glyphs)} {number} {state.value}", STYLES[state].style)
        for state, number in counts.items()
    ]
    lines += _join_fitting(parts, frame)
    ended = sum(number for state, number in counts.items() if state in ENDED_STATES)
    progress = f"{ended} of {len(moments)} ended"
    left = format_sets_left(snapshot, frame.now)
    text = f"{progress}, {left}" if left else progress
    line = Text.assemble(frame.bar(ended / len(moments)), INDENT, text)
    lines += [line] if line.cell_len <= frame.width else [Text(part) for part in (progress, left) if part]
    return [frame.trim(line) for line in lines]


def _join_fitting(parts: Sequence[Text], frame: Frame) -> list[Text]:
    lines: list[Text] = []
    for part in parts:
        if lines and lines[-1].cell_len + len(INDENT) + part.cell_len <= frame.width:
            lines[-1] = Text.assemble(lines[-1], INDENT, part)
        else:
            lines.append(part)
    return lines


def _draw_body(
    snapshot: Snapshot, sets: PlannedSets, moments: Sequence[SetAtMoment], frame: Frame, max_lines: int
) -> list[Text]:
    """A line for each set if they fit, else the grid, why sets failed, and what is active."""
    groups = _draw_groups(groups_of(snapshot, sets, moments), frame)
    if not frame.is_last and len(groups) > MOST_GROUPS:
        more = count(len(groups) - MOST_GROUPS + 1, "more cause")
        groups = [*groups[: MOST_GROUPS - 1], frame.indent(f"{frame.glyphs.ellipsis} {more}")]
    has_rows = len(moments) <= MAX_SET_ROWS and len(moments) + len(groups) <= max_lines
    if has_rows or frame.has_filter:
        return [*draw_runs(snapshot, frame, max(0, max_lines - len(groups))), *groups][:max_lines]
    groups = groups[: max(0, max_lines - FEWEST_GRID_LINES)]
    lines = [*_Grid(moments, frame, max_lines - len(groups)).draw(), *groups]
    active = tuple(one.watched for one in moments if one.state in ACTIVE_STATES and one.watched)
    left = max_lines - len(lines)
    return [*lines, *draw_runs(replace(snapshot, runs=active), frame, left)] if active and left > 0 else lines


def _draw_groups(groups: Sequence[SetGroup], frame: Frame) -> list[Text]:
    """A line for each cause of failures and refusals, with the sets that it hit."""
    margin = "" if frame.is_narrow else INDENT
    return [frame.trim(Text.assemble(margin, draw_group(group, frame))) for group in groups]


def draw_group(group: SetGroup, canvas: Canvas) -> Text:
    """`✗ 14 sets: your code: KeyError: 'FR'  2026-01-04, 2026-01-14, 2026-01-24, 2026-02-03 and 10 more`."""
    style = style_of(group.run) if group.run else STYLES[group.state]
    symbol = (style.symbol_in(canvas.glyphs), style.style)
    names = (canvas.line(format_names(group.labels)), "dim")
    return Text.assemble(symbol, " ", canvas.line(group.text), INDENT, names)


@dataclass
class _Grid:
    """Rows of symbols, a symbol for each set, in at most `max_lines` lines: those around what is running."""

    moments: Sequence[SetAtMoment]
    frame: Frame
    max_lines: int

    def draw(self) -> list[Text]:
        if self.max_lines < 1:
            return []
        margin = "" if self.frame.is_narrow else INDENT
        width = max(1, self.frame.width - len(margin))
        names = self._names(FEWEST_SYMBOLS)
        label_width = min(MAX_LABEL_WIDTH, max(map(cell_len, names)))
        per_row = _round(width - label_width - len(INDENT))
        if per_row < FEWEST_SYMBOLS or self._rows(per_row) > self.max_lines >= self._rows(_round(width)):
            label_width, per_row = 0, _round(width)
        names = self._names(per_row)
        first, last = self._window(self._rows(per_row))
        lines = []
        for row in range(first, last):
            moments = self.moments[row * per_row : (row + 1) * per_row]
            name = cut(Text(names[row], "dim"), label_width, self.frame.glyphs)
            name.append(" " * (label_width + len(INDENT) - name.cell_len) if label_width else "")
            symbols = [
                (STYLES[state].symbol_in(self.frame.glyphs) * len(list(same)), STYLES[state].style)
                for state, same in groupby(one.state for one in moments)
            ]
            lines.append(Text.assemble(margin, name, *symbols))
        before, after = self.moments[: first * per_row], self.moments[last * per_row :]
        above = [self._count(before, "before")] if before else []
        below = [self._count(after, "after")] if after else []
        return [*above, *lines, *below][: self.max_lines]

    def _names(self, per_row: int) -> list[str]:
        """Of the first set of each row."""
        labels = [one.label for one in self.moments[::per_row]]
        prefix = common_prefix(labels)
        return [self.frame.line(label.removeprefix(prefix)) for label in labels]

    def _rows(self, per_row: int) -> int:
        return -(-len(self.moments) // per_row)

    def _window(self, rows: int) -> tuple[int, int]:
        """The rows that are shown: if not all, those up to the first one that is still to be started."""
        if rows <= self.max_lines:
            return 0, rows
        shown = max(1, self.max_lines - 2)
        started = max((index for index, one in enumerate(self.moments) if one.watched), default=0)
        newest = started * rows // len(self.moments)
        first = min(max(newest + 2 - shown, 0), rows - shown)
        return first, first + shown

    def _count(self, moments: Sequence[SetAtMoment], where: str) -> Text:
        counts = format_state_counts(one.state for one in moments)
        return self.frame.indent(f"{self.frame.glyphs.ellipsis} {len(moments)} {where}: {counts}", "dim")


def _round(symbols: int) -> int:
    """So many in a row that the eye can count them: a multiple of ten."""
    return max(1, min(MAX_SYMBOLS, symbols if symbols < 10 else symbols // 10 * 10))
