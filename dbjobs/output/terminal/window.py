"""What a terminal has in addition to its text: a title, notifications, and answers about itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from dbjobs.output.expectations import expected_end, format_time
from dbjobs.output.formatting import format_counts
from dbjobs.output.terminal.style import Glyphs, style_of
from dbjobs.output.terminal.theme import Background, background_of_color
from dbjobs.runs.snapshots import Snapshot

LONG_WAIT = 60.0
"""Seconds: whoever has waited for longer may be looking elsewhere, and is notified of the end."""

TERMINALS = ("xterm", "tmux", "rxvt", "alacritty", "foot", "wezterm", "ghostty")
"""What the TERM of these begins with. They ignore what they do not have, and answer questions in order."""

MAX_LENGTH = 100
"""Characters of a state and a name that are shown in a title."""

PUSH_TITLE, POP_TITLE = "\x1b[22;2t", "\x1b[23;2t"
SET_TITLE = "\x1b]2;{}\x07"
NOTIFY = "\x1b]9;dbjobs: {}\x1b\\"
BELL = "\x07"

QUESTIONS = "\x1b]11;?\x1b\\\x1b[c"
"""The color of the background; what terminal this is, which every one of them answers."""
QUESTION_OF_UPDATES = "\x1b[?2026$p"
"""Whether it has synchronized output. Terminal.app would show a part of this."""

LAST_REPLY = re.compile(r"\x1b\[\?[\d;]*c")


@dataclass
class Window:
    """Makes the escape sequences for the title, notifications and questions; none where they have no use."""

    environ: Mapping[str, str]
    is_wanted: bool
    _title: str = ""

    @property
    def is_known(self) -> bool:
        """Of a kind that has titles and answers questions; GNU Screen and the Linux console have neither."""
        term = self.environ.get("TERM", "")
        return self.is_wanted and (term.startswith(TERMINALS) or "TMUX" in self.environ)

    @property
    def questions(self) -> str:
        is_apple = self.environ.get("TERM_PROGRAM") == "Apple_Terminal"
        return ("" if is_apple else QUESTION_OF_UPDATES) + QUESTIONS if self.is_known else ""

    def save_title(self) -> str:
        return PUSH_TITLE if self.is_known else ""

    def restore_title(self) -> str:
        self._title = ""
        return POP_TITLE if self.is_known else ""

    def set_title(self, title: str) -> str:
        """Nothing if it is the title already."""
        if not self.is_known or title == self._title:
            return ""
        self._title = title
        return SET_TITLE.format(title)

    def notify(self, message: str) -> str:
        """A notification of the desktop, where the terminal passes them on, and a bell."""
        if not self.is_wanted:
            return ""
        return (NOTIFY.format(message) if self.is_known else "") + BELL


def has_synchronized_output(replies: str) -> bool:
    return re.search(r"\x1b\[\?2026;[12]\$y", replies) is not None


def background_in(replies: str) -> Background:
    """The background that the terminal has reported."""
    color = re.search(r"\x1b\]11;rgba?:([0-9a-fA-F]+)/([0-9a-fA-F]+)/([0-9a-fA-F]+)", replies)
    if color is None:
        return Background.UNKNOWN
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in color.groups())
    return background_of_color(red, green, blue)


def title_of(snapshot: Snapshot, now: float, glyphs: Glyphs) -> str:
    """State, name and expected end: `● RUNNING nightly load · ends 14:07`. `now` is epoch seconds."""
    if not snapshot.is_of_one:
        states = format_counts(one.run.shown_state if one.run else "not seen yet" for one in snapshot.runs)
        return glyphs.line(f"{len(snapshot.runs)} runs: {states}"[:MAX_LENGTH])
    watched = snapshot.runs[0]
    run = watched.run
    if run is None:
        return f"run {watched.run_id}"
    name = glyphs.line(f"{run.shown_state} {run.run_name}"[:MAX_LENGTH])
    expected = expected_end(snapshot, watched)
    end = f"{glyphs.dot}ends {format_time(now + expected.left, now)}" if expected else ""
    return f"{style_of(run).symbol_in(glyphs)} {name}{end}"
