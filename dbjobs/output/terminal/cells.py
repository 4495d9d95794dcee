"""The cells that every view of runs and tasks is made of: symbol, state, duration, details."""

from dataclasses import dataclass

from rich.text import Text

from dbjobs.api.models import Run, TaskRun
from dbjobs.output.formatting import (
    AnyRun,
    say_attempt,
    say_child,
    say_duration,
    say_iterations,
    say_message,
    say_state,
    seconds_of,
)
from dbjobs.output.terminal.style import UNICODE, Dress, Look, look_of


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """What cells are drawn to: a moment (epoch seconds) and the characters at hand."""

    now: float
    dress: Dress = UNICODE
    longest: int | None = None
    """more of a text than this many characters is not looked at"""

    def line(self, value: object) -> str:
        """Text of the API, made fit for one line."""
        return self.dress.line(str(value)[: self.longest])

    def symbol(self, run: AnyRun) -> Text:
        look = look_of(run)
        return Text(look.sign(self.dress), look.style)

    def state(self, run: AnyRun) -> Text:
        """The one word that says most."""
        return Text(self.line(run.shown_state), look_of(run).style)

    def whole_state(self, run: AnyRun) -> Text:
        """State and result together."""
        return Text(self.line(say_state(run)), look_of(run).style)

    def duration(self, run: AnyRun) -> Text:
        return Text(say_duration(seconds_of(run, self.now)))

    def name(self, task: TaskRun, guide: str = "") -> Text:
        """The task's key behind the lines that lead to it; what runs or failed stands out."""
        style = "bold" if look_of(task) in (Look.RUNNING, Look.FAILED) else ""
        return Text.assemble((guide, "dim"), (self.line(task.task_key), style))

    def details(self, task: TaskRun, child: Run | None = None) -> Text:
        """Which attempt it is, how far it has come, what the server says, and what a join waits for."""
        after = f"after {', '.join(task.depends_on)}" if len(task.depends_on) > 1 else ""
        facts = (say_attempt(task), say_iterations(task), say_child(child), say_message(task), after)
        said = [self.line(fact) for fact in facts if fact]
        return Text(self.dress.dot.join(said), "" if look_of(task) is Look.FAILED else "dim")
