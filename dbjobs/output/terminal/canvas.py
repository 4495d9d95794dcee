"""The cells that every view of runs and tasks is made of: symbol, state, duration, details."""

from dataclasses import dataclass

from rich.text import Text

from dbjobs.api.models import Run, TaskRun
from dbjobs.output.causes import format_words
from dbjobs.output.formatting import (
    AnyRun,
    format_attempt,
    format_child,
    format_duration,
    format_iterations,
    format_message,
    format_state,
    seconds_of,
)
from dbjobs.output.terminal.layout import DATES_WIDTH
from dbjobs.output.terminal.style import UNICODE, Glyphs, StateStyle, style_of
from dbjobs.runs.causes import Cause


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """What cells are drawn for: a time (epoch seconds), a width, and the characters that can be shown."""

    now: float
    glyphs: Glyphs = UNICODE
    width: int | None = None
    """in cells; None if nothing is to be cut"""
    max_length: int | None = None
    """no more characters of a text are looked at"""

    @property
    def has_dates(self) -> bool:
        """Whether there is room for dates beside ages, and for states beside results."""
        return self.width is None or self.width >= DATES_WIDTH

    def line(self, value: object) -> str:
        """Text of the API, made fit for one line."""
        return self.glyphs.line(str(value)[: self.max_length])

    def symbol(self, run: AnyRun) -> Text:
        style = style_of(run)
        return Text(style.symbol_in(self.glyphs), style.style)

    def state(self, run: AnyRun) -> Text:
        """State or result, whichever says more."""
        return Text(self.line(run.shown_state), style_of(run).style)

    def whole_state(self, run: AnyRun) -> Text:
        """State and result together."""
        return Text(self.line(format_state(run)), style_of(run).style)

    def duration(self, run: AnyRun) -> Text:
        return Text(format_duration(seconds_of(run, self.now)))

    def name(self, task: TaskRun, guide: str = "") -> Text:
        """The task's key after the tree lines that lead to it; what runs or failed is bold."""
        style = "bold" if style_of(task) in (StateStyle.RUNNING, StateStyle.FAILED) else ""
        return Text.assemble((guide, "dim"), (self.line(task.task_key), style))

    def cause(self, run: AnyRun, known: Cause | None = None) -> Text:
        """Why a run failed: the cause if it is known, else what the run says; nothing for others."""
        style = style_of(run)
        if style not in (StateStyle.FAILED, StateStyle.STOPPED, StateStyle.LEFT_OUT):
            return Text()
        return Text(
            self.line(format_words(known, known.tasks) if known else format_message(run)), style.style
        )

    def details(self, task: TaskRun, child: Run | None = None, cause: str | None = None) -> Text:
        """The attempt, the progress, the server's message, and which tasks it waits for if several."""
        facts = (
            format_attempt(task),
            format_iterations(task),
            format_child(child),
            format_message(task) if cause is None else cause,
            f"after {', '.join(task.depends_on)}" if len(task.depends_on) > 1 else "",
        )
        shown = self.glyphs.dot.join(self.line(fact) for fact in facts if fact)
        return Text(shown, "" if style_of(task) is StateStyle.FAILED else "dim")
