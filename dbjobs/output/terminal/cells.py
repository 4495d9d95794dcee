"""The cells that every view of runs and tasks is made of: symbol, state, duration, details."""

from dataclasses import dataclass

from rich.text import Text

from dbjobs.api.models import Run, TaskRun
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
from dbjobs.output.terminal.style import UNICODE, Glyphs, StateStyle, style_of


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """What cells are drawn to: a moment (epoch seconds) and the characters at hand."""

    now: float
    glyphs: Glyphs = UNICODE
    longest: int | None = None
    """more of a text than this many characters is not looked at"""

    def line(self, value: object) -> str:
        """Text of the API, made fit for one line."""
        return self.glyphs.line(str(value)[: self.longest])

    def symbol(self, run: AnyRun) -> Text:
        style = style_of(run)
        return Text(style.symbol_in(self.glyphs), style.style)

    def state(self, run: AnyRun) -> Text:
        """The one word that says most."""
        return Text(self.line(run.shown_state), style_of(run).style)

    def whole_state(self, run: AnyRun) -> Text:
        """State and result together."""
        return Text(self.line(format_state(run)), style_of(run).style)

    def duration(self, run: AnyRun) -> Text:
        return Text(format_duration(seconds_of(run, self.now)))

    def name(self, task: TaskRun, guide: str = "") -> Text:
        """The task's key behind the lines that lead to it; what runs or failed stands out."""
        style = "bold" if style_of(task) in (StateStyle.RUNNING, StateStyle.FAILED) else ""
        return Text.assemble((guide, "dim"), (self.line(task.task_key), style))

    def details(self, task: TaskRun, child: Run | None = None) -> Text:
        """Which attempt it is, how far it has come, what the server says, and what a join waits for."""
        after = f"after {', '.join(task.depends_on)}" if len(task.depends_on) > 1 else ""
        facts = (
            format_attempt(task),
            format_iterations(task),
            format_child(child),
            format_message(task),
            after,
        )
        said = [self.line(fact) for fact in facts if fact]
        return Text(self.glyphs.dot.join(said), "" if style_of(task) is StateStyle.FAILED else "dim")
