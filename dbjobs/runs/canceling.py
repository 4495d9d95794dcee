"""Canceling runs when a wait ends early; the result of each cancel is logged."""

import logging
from dataclasses import dataclass, field

from dbjobs.api.client import JobsApi
from dbjobs.common.clock import Clock
from dbjobs.common.deadline import time_limit
from dbjobs.common.signals import Interrupted
from dbjobs.errors import DbjobsError, OutcomeUnknownError
from dbjobs.http.retry import NO_RETRIES
from dbjobs.runs.outages import is_refusal
from dbjobs.runs.snapshots import format_runs

logger = logging.getLogger(__name__)

SECONDS_FOR_ALL = 60.0
"""How long cancels are sent again: nobody waits ten minutes for them."""

SECONDS_FOR_ONE = 10.0
"""How long one cancel may take, so that one that hangs does not keep the others from being sent."""

CANCEL_PAUSE = 5.0
"""Seconds before those without an answer are sent again."""


@dataclass
class Cancels:
    """The cancels of some runs; each run is in one of three lists."""

    api: JobsApi
    clock: Clock
    unanswered: list[int]
    """not sent yet, or sent and not answered"""
    canceled: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    _uncertain: set[int] = field(default_factory=set)
    """whose cancel was sent once without an answer"""

    def send(self) -> None:
        """Cancel every run, and again those without an answer; warn of those that have none in the end."""
        deadline = self.clock.monotonic() + SECONDS_FOR_ALL
        cause = ""
        try:
            while True:
                cause = self._send_once(deadline)
                left = deadline - self.clock.monotonic() - CANCEL_PAUSE
                if not self.unanswered or left <= 0:
                    break
                runs = format_runs(self.unanswered)
                logger.info(
                    "the cancel of %s was not answered: %s; trying again for %.0f s", runs, cause, left
                )
                self.clock.sleep(CANCEL_PAUSE)
            if self.canceled:
                logger.info("canceled %s, waiting for the end", format_runs(self.canceled))
        except (Interrupted, KeyboardInterrupt):
            cause = "interrupted"
            raise
        finally:
            if self.unanswered:
                runs = format_runs(self.unanswered)
                logger.warning("it is not known whether %s will be canceled: %s", runs, cause)

    def _send_once(self, deadline: float) -> str:
        """Send a cancel for each run without an answer; returns why the last one got none."""
        cause = "there was no time left"
        for run_id in list(self.unanswered):
            if self.clock.monotonic() >= deadline:
                break
            try:
                with time_limit(self.clock, SECONDS_FOR_ONE):
                    self.api.cancel_run(run_id, NO_RETRIES)
            except DbjobsError as error:
                if isinstance(error, OutcomeUnknownError):
                    self._uncertain.add(run_id)
                if error.transient or (error.answer and not is_refusal(error)):
                    cause = error.message
                    continue
                earlier = "; an earlier one had no answer, and may cancel it"
                doubt = earlier if run_id in self._uncertain else ""
                logger.warning("the cancel of run %d was refused: %s%s", run_id, error.message, doubt)
                self.refused.append(run_id)
            else:
                self.canceled.append(run_id)
            self.unanswered.remove(run_id)
        return cause

    @property
    def not_canceled(self) -> list[int]:
        """The runs that are still active, as far as is known."""
        return [*self.refused, *self.unanswered]
