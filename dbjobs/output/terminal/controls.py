"""The keys of the live view: what each does, and what they have changed in it."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from dbjobs.output.terminal.layout import INDENT
from dbjobs.output.terminal.style import Glyphs, cut, join_fitting
from dbjobs.runs.snapshots import Snapshot, format_runs

HELP = {
    "?": "show or hide this help",
    "r": "poll now",
    "o": "open the page of the run in a browser",
    "f": "show only the tasks that failed or are active, or all again",
    "enter": "show causes and messages in full, or on one line again",
    "d": "detach: stop waiting, the run goes on",
    "c": "cancel the run, after a question",
}
"""What each key does; those that come first are left out of the footer last."""

MIN_HEIGHT = 10
"""A lower window has no line to spare for the footer."""

MAX_NAMED_RUNS = 3

MAX_KEYS_AT_ONCE = 3
"""So many different keys are pressed between two frames at most."""

KEYS_FOR_THE_WAIT = ("r", "o", "d")
"""What the view leaves to the wait, as it does `c` once the question has been answered."""


@dataclass
class Controls:
    """What keys have changed."""

    has_filter: bool = False
    is_unfolded: bool = False
    has_help: bool = False
    is_asking: bool = False
    """whether to cancel"""

    def press(self, keys: Sequence[str]) -> str:
        """Returns the keys that are for the wait.

        `keys` were typed since the last frame. Many at once are text that was pasted. Those after `c` cannot
        be the answer to a question that had not been shown, and several are no answer.
        """
        if len(set(keys)) > MAX_KEYS_AT_ONCE:
            return ""
        if self.is_asking and keys:
            self.is_asking = False
            return "c" if [key.lower() for key in keys] == ["y"] else ""
        for key in keys:
            if key == "f":
                self.has_filter = not self.has_filter
            elif key == "enter":
                self.is_unfolded = not self.is_unfolded
            elif key == "?":
                self.has_help = not self.has_help
            elif key == "c":
                self.is_asking = True
                break
        return "".join(key for key in keys if key in KEYS_FOR_THE_WAIT and not self.is_asking)

    def footer(self, snapshot: Snapshot, width: int, height: int, glyphs: Glyphs) -> list[Text]:
        """The question, the help, or a line with the keys if there is room for it."""
        if self.is_asking:
            active = [watched.run_id for watched in snapshot.runs if not watched.is_settled]
            named = format_runs(active) if len(active) <= MAX_NAMED_RUNS else f"{len(active)} active runs"
            question = f"{INDENT}cancel {named}? y = yes, any other key = no"
            return [cut(Text(question, "warning"), width, glyphs)]
        if self.has_help and height > MIN_HEIGHT + len(HELP):
            lines = [Text(f"{INDENT}{key:<5}  {meaning}") for key, meaning in HELP.items()]
            return [cut(line, width, glyphs) for line in lines]
        if height < MIN_HEIGHT and not self.has_help:
            return []
        words = (
            "? hide help" if self.has_help else "? help",
            "r poll now",
            "o page",
            "f show all" if self.has_filter else "f filter",
            "enter fold" if self.is_unfolded else "enter unfold",
            "d detach",
            "c cancel",
        )
        return [Text(INDENT + join_fitting(words, width - len(INDENT), glyphs.dot)[0], "dim")]


def add_footer(frame: Text, footer: Sequence[Text], width: int, glyphs: Glyphs) -> Text:
    """The frame above the footer; without one, a hint to the help behind the last line if it fits."""
    hint = Text(f"{glyphs.dot}? help", "dim")
    if not footer and frame.split("\n")[-1].cell_len + hint.cell_len <= width:
        return frame.append_text(hint)
    return Text("\n", no_wrap=True).join([frame, *footer])
