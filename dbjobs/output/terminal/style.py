"""How states are shown: each has a symbol, a word and a color, so that no state relies on color alone.

`theme` says what the colors are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TextIO

from rich.cells import cell_len
from rich.text import Text

from dbjobs.api.states import Outcome, Phase
from dbjobs.common.plain_text import clean_line
from dbjobs.output.formatting import AnyRun
from dbjobs.output.serialization import is_utf8


class StateStyle(Enum):
    """The symbols of a state, and the name of its style in the theme; similar states share one."""

    WAITING = ("○", ".", "state.waiting")
    STARTING = ("◐", "o", "state.starting")
    RUNNING = ("●", ">", "state.running")
    GOOD = ("✓", "+", "state.good")
    MIXED = ("!", "!", "state.mixed")
    FAILED = ("✗", "x", "state.failed")
    STOPPED = ("■", "#", "state.stopped")
    LEFT_OUT = ("–", "-", "state.left_out")
    UNKNOWN = ("?", "?", "state.unknown")
    REFUSED = ("R", "R", "state.failed")
    NOT_STARTED = ("·", "_", "state.waiting")

    def __init__(self, symbol: str, ascii_symbol: str, style: str) -> None:
        self.symbol = symbol
        self.ascii_symbol = ascii_symbol
        self.style = style

    def symbol_in(self, glyphs: "Glyphs") -> str:
        """The symbol, or its ASCII form if the stream needs it."""
        return self.ascii_symbol if glyphs.is_ascii else self.symbol


STARTING_STATES = ("PENDING", "TERMINATING")

OUTCOME_STYLES = {
    Outcome.SUCCESS: StateStyle.GOOD,
    Outcome.SUCCESS_WITH_FAILURES: StateStyle.MIXED,
    Outcome.FAILED: StateStyle.FAILED,
    Outcome.TIMEDOUT: StateStyle.FAILED,
    Outcome.INTERNAL_ERROR: StateStyle.FAILED,
    Outcome.CANCELED: StateStyle.STOPPED,
    Outcome.UPSTREAM_FAILED: StateStyle.STOPPED,
    Outcome.NEVER_RAN: StateStyle.LEFT_OUT,
    Outcome.EXCLUDED: StateStyle.LEFT_OUT,
    Outcome.UNKNOWN_RESULT: StateStyle.UNKNOWN,
}


def style_of(run: AnyRun) -> StateStyle:
    """The style of a run's state; states that this version does not know have one, too."""
    outcome = run.outcome
    if outcome:
        return OUTCOME_STYLES[outcome]
    if run.phase is Phase.WAITING:
        return StateStyle.WAITING
    return StateStyle.STARTING if run.life_cycle_state in STARTING_STATES else StateStyle.RUNNING


@dataclass(frozen=True)
class Glyphs:
    """The characters that a stream can show."""

    ellipsis: str = "…"
    dot: str = " · "
    """separates facts on a line"""
    dash: str = "–"
    """between the ends of a range"""
    bar: str = "━"
    bar_left: str = "╌"
    branch: str = "├─ "
    last_branch: str = "└─ "
    trunk: str = "│  "
    is_ascii: bool = False
    """True if the symbols are"""
    encoding: str = "utf-8"
    """the encoding that names and messages are converted to"""

    def line(self, value: object) -> str:
        """Text of the API, cleaned and reduced to one line."""
        return clean_line(str(value)).encode(self.encoding, "replace").decode(self.encoding)


UNICODE = Glyphs()
ASCII = Glyphs(
    ellipsis="...",
    dot=" - ",
    dash="-",
    bar="=",
    bar_left="-",
    branch="|- ",
    last_branch="`- ",
    trunk="|  ",
    is_ascii=True,
    encoding="ascii",
)


def glyphs_for(stream: TextIO) -> Glyphs:
    """ASCII symbols for every encoding but UTF-8."""
    return UNICODE if is_utf8(stream) else replace(ASCII, encoding=stream.encoding)


def cut(text: Text, width: int, glyphs: Glyphs) -> Text:
    """At most `width` cells of a text, ending in an ellipsis if it was cut."""
    if text.cell_len <= width:
        return text
    short = text.copy()
    short.truncate(max(0, width - len(glyphs.ellipsis)), overflow="crop")
    short.rstrip()
    short.append(glyphs.ellipsis[:width])
    return short


def join_fitting(parts: Sequence[str], width: int, separator: str) -> list[str]:
    """The parts joined into lines of at most `width` cells; a part by itself may be wider."""
    lines = list(parts[:1])
    for part in parts[1:]:
        longer = f"{lines[-1]}{separator}{part}"
        if cell_len(longer) > width:
            lines.append(part)
        else:
            lines[-1] = longer
    return lines
