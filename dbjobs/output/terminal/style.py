"""How states look: a symbol, a word and a style each, so that no state is told by colour alone.

Colours are the terminal's own sixteen, which suit its background, and never a
matter of red against green: blue and cyan are well, magenta wants a look.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TextIO

from rich.cells import cell_len
from rich.text import Text

from dbjobs.api.states import Outcome, Phase
from dbjobs.output.formatting import AnyRun
from dbjobs.output.serialization import is_utf8
from dbjobs.output.streams import clean_line


class Look(Enum):
    """What a state looks like; states that ask for the same attention share a look."""

    WAITING = ("○", ".", "dim")
    STARTING = ("◐", "o", "bright_blue")
    RUNNING = ("●", ">", "bold bright_blue")
    GOOD = ("✓", "+", "cyan")
    MIXED = ("!", "!", "bold bright_magenta")
    FAILED = ("✗", "x", "bold bright_magenta")
    STOPPED = ("■", "#", "bright_magenta")
    LEFT_OUT = ("–", "-", "dim")  # noqa: RUF001 - a dash on purpose
    UNKNOWN = ("?", "?", "bold")

    def __init__(self, symbol: str, ascii_symbol: str, style: str) -> None:
        self.symbol = symbol
        self.ascii_symbol = ascii_symbol
        self.style = style

    def sign(self, dress: "Dress") -> str:
        """The symbol in characters that the stream can show."""
        return self.ascii_symbol if dress.is_ascii else self.symbol


STARTING_STATES = ("PENDING", "TERMINATING")

LOOKS = {
    Outcome.SUCCESS: Look.GOOD,
    Outcome.SUCCESS_WITH_FAILURES: Look.MIXED,
    Outcome.FAILED: Look.FAILED,
    Outcome.TIMEDOUT: Look.FAILED,
    Outcome.INTERNAL_ERROR: Look.FAILED,
    Outcome.CANCELED: Look.STOPPED,
    Outcome.UPSTREAM_FAILED: Look.STOPPED,
    Outcome.NEVER_RAN: Look.LEFT_OUT,
    Outcome.EXCLUDED: Look.LEFT_OUT,
    Outcome.UNKNOWN_RESULT: Look.UNKNOWN,
}


def look_of(run: AnyRun) -> Look:
    """The look of a run's state, unknown ones included."""
    outcome = run.outcome
    if outcome:
        return LOOKS[outcome]
    if run.phase is Phase.WAITING:
        return Look.WAITING
    return Look.STARTING if run.life_cycle_state in STARTING_STATES else Look.RUNNING


@dataclass(frozen=True)
class Dress:
    """The characters that a stream can show."""

    ellipsis: str = "…"
    dot: str = " · "
    """separates facts on a line"""
    branch: str = "├─ "
    last_branch: str = "└─ "
    trunk: str = "│  "
    is_ascii: bool = False
    """True if the symbols are"""
    encoding: str = "utf-8"
    """what names and messages must fit into"""

    def line(self, value: object) -> str:
        """Text of the API, made fit for one line of a view."""
        return clean_line(str(value)).encode(self.encoding, "replace").decode(self.encoding)


UNICODE = Dress()
ASCII = Dress(
    ellipsis="...", dot=" - ", branch="|- ", last_branch="`- ", trunk="|  ", is_ascii=True, encoding="ascii"
)


def dress_for(stream: TextIO) -> Dress:
    """Any encoding but UTF-8 gets symbols that all have."""
    return UNICODE if is_utf8(stream) else replace(ASCII, encoding=stream.encoding)


def cut(text: Text, width: int, dress: Dress) -> Text:
    """At most `width` cells of a text, an ellipsis telling that there is more."""
    if text.cell_len <= width:
        return text
    short = text.copy()
    short.truncate(max(0, width - len(dress.ellipsis)), overflow="crop")
    short.rstrip()
    short.append(dress.ellipsis[:width])
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
