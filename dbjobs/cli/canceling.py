"""Canceling runs on the way out of a wait: of each run it is told what became of its cancel."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from dbjobs.cli.context import App
from dbjobs.common.deadline import time_limit
from dbjobs.errors import DbjobsError, UnreachableError
from dbjobs.http.retry import NO_RETRIES
from dbjobs.output.formatting import format_runs

CANCEL_SECONDS = 60.0
"""For so long cancels are sent on the way out: nobody waits ten minutes for it."""

CANCEL_PATIENCE = 10.0
"""Seconds for the answer to one cancel, so that one that hangs does not keep the others from being sent."""

CANCEL_PAUSE = 5.0
"""Seconds before those without an answer are sent again."""


@dataclass
class Cancels:
    """The cancels of some runs: each run stands in one of three lists."""

    app: App
    unanswered: list[int]
    """still to be sent, or sent and not answered"""
    canceled: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)

    def send(self) -> str:
        """First of all, for whoever interrupts may leave little time; what is not answered is sent again.

        Returns why those that stay unanswered have no answer.
        """
        streams, clock = self.app.streams, self.app.clock
        deadline = clock.monotonic() + CANCEL_SECONDS
        while True:
            cause = self._send_once(deadline)
            left = deadline - clock.monotonic() - CANCEL_PAUSE
            if not self.unanswered or left <= 0:
                break
            runs = format_runs(self.unanswered)
            streams.note(f"the cancel of {runs} was not answered: {cause}; trying again for {left:.0f} s")
            clock.sleep(CANCEL_PAUSE)
        if self.canceled:
            streams.note(f"canceled {format_runs(self.canceled)}, waiting for the end")
        return cause

    def _send_once(self, deadline: float) -> str:
        """A cancel for each run without an answer; returns why the last one got none."""
        cause = "there was no time left"
        for run_id in list(self.unanswered):
            if self.app.clock.monotonic() >= deadline:
                break
            try:
                with time_limit(self.app.clock, CANCEL_PATIENCE):
                    self.app.api.cancel_run(run_id, NO_RETRIES)
            except UnreachableError as error:
                cause = error.message
                continue
            except DbjobsError as error:
                self.app.streams.warn(f"the cancel of run {run_id} was refused: {error.message}")
                self.refused.append(run_id)
            else:
                self.canceled.append(run_id)
            self.unanswered.remove(run_id)
        return cause

    def warn_of_unanswered(self, cause: str) -> None:
        """Say of which runs it is not known whether they are canceled."""
        if self.unanswered:
            runs = format_runs(self.unanswered)
            self.app.streams.warn(f"it is not known whether {runs} will be canceled: {cause}")

    @property
    def not_canceled(self) -> Sequence[int]:
        """The runs that go on, as far as is known."""
        return [*self.refused, *self.unanswered]
