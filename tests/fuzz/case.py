"""A sequence, what came of it, and what follows from both."""

from functools import cached_property

from tests.fuzz.faults import FAULTS, GARBLED, REFUSAL, Fault
from tests.fuzz.histories import SEVERITY, STRICT, Run
from tests.fuzz.runner import Observation
from tests.fuzz.sequences import Sequence
from tests.fuzz.server import Exchange

OUTCOMES = frozenset(SEVERITY)
STARTS = ("run-now", "runs/submit")


class Case:
    """A sequence, what came of it, and what follows from both."""

    def __init__(self, sequence: Sequence, seen: Observation) -> None:
        self.sequence = sequence
        self.seen = seen
        self.code = seen.exit_code
        self.end = seen.ended

    @cached_property
    def met(self) -> list[Fault]:
        """The faults that the process met."""
        taken = [
            *self.sequence.reads[: self.seen.reads],
            *self.sequence.changes[: self.seen.changes],
        ]
        steps = [step.fault for step in taken] + [one.step.fault for one in self.seen.exchanges]
        return [FAULTS[name] for name in dict.fromkeys(steps) if name]

    @property
    def changes(self) -> list[Exchange]:
        return [one for one in self.seen.exchanges if one.is_change]

    @property
    def started(self) -> list[int]:
        return list(self.seen.workspace.by_token.values())

    @cached_property
    def watched(self) -> list[Run]:
        """The runs whose end was to be awaited."""
        workspace = self.seen.workspace
        run_ids = [run.run_id for run in self.sequence.runs] or self.started
        if self.sequence.days:
            left_out = workspace.earlier if self.sequence.has("--skip-existing") else set()
            run_ids = [run_id for run_id in workspace.by_day.values() if run_id not in left_out]
        return [workspace.runs[run_id] for run_id in run_ids]

    @property
    def was_signaled(self) -> bool:
        return self.seen.signaled_at is not None

    @property
    def is_interrupted(self) -> bool:
        return bool(
            self.was_signaled and self.sequence.signal and self.code == 128 + self.sequence.signal.number
        )

    @property
    def is_good_stdout(self) -> bool:
        return self.sequence.stdout == "pipe"

    @property
    def is_good_stderr(self) -> bool:
        return self.sequence.stderr == "pipe"

    @property
    def can_tell(self) -> bool:
        return self.is_good_stdout or self.is_good_stderr

    def outcome(self, run: Run, now: float) -> int | None:
        """The exit code that the run stands for at a moment; None while it goes on."""
        ending = run.ending_at(now)
        if ending is None:
            return None
        return (
            STRICT.get(ending.result_state or "", ending.exit_code)
            if self.sequence.has("--strict")
            else ending.exit_code
        )

    def reads_of(self, run: Run | None = None) -> list[Exchange]:
        """The looks at runs, or at one."""
        return [
            one
            for one in self.seen.exchanges
            if one.request.endpoint in ("runs/get", "runs/list")
            and (run is None or one.request.query.get("run_id") == str(run.run_id))
        ]

    def contacts(self, *, sure: bool) -> list[float]:
        """When the client got an answer of use: surely, or perhaps.

        The runs that tasks started, and earlier runs, are read as an extra, so their answers are none for
        certain.
        """
        extras = {str(run.child_id) for run in self.watched if run.child_id} if sure else set()
        return [
            one.at if sure else one.answered_at
            for one in self.seen.exchanges
            if one.request.endpoint in ("runs/get", "runs/list", *STARTS, "runs/repair", "runs/cancel")
            and one.request.query.get("run_id") not in extras
            and not (sure and one.request.query.get("completed_only"))
            and (shows_something(one) or (not sure and _may_show_something(one)))
        ]


def _may_show_something(exchange: Exchange) -> bool:
    """Also a refusal: it tells that the API is there."""
    is_refusal = exchange.real_status >= 400
    return is_refusal or (exchange.fault is not None and exchange.fault.kind in (GARBLED, REFUSAL))


def shows_something(exchange: Exchange) -> bool:
    return exchange.is_good and exchange.answer.status == 200
