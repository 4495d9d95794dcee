"""Every --wait, from its first word to its exit code."""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

from dbjobs.api.models import OWN_FAILURES, Run, TaskRun
from dbjobs.api.states import Outcome, Phase
from dbjobs.cli.canceling import Cancels
from dbjobs.cli.context import App
from dbjobs.cli.reporting import Teller
from dbjobs.cli.wait_options import OnExit, ShowOutput, WaitOptions
from dbjobs.common.deadline import time_limit
from dbjobs.common.signals import Interrupted, interruptible
from dbjobs.errors import DbjobsError, ExitCode, UnreachableError
from dbjobs.output.formatting import count, format_no_contact, format_runs
from dbjobs.output.progress import follow, mode_of, tick_of
from dbjobs.output.structured import write_document, write_documents
from dbjobs.output.task_outputs import render_failure, render_output, render_summary
from dbjobs.runs.outputs import OutputCache
from dbjobs.runs.reader import RunReader
from dbjobs.runs.watching import (
    Ending,
    PendingStarts,
    Schedule,
    Snapshot,
    WatchedRun,
    exit_code_of,
    watch_runs,
)

CANCEL_PATIENCE = 120.0
"""Seconds a wait goes on after it has canceled its runs: a cancel is asynchronous."""

UNCERTAIN_PATIENCE = 10.0
"""Seconds to find out, on the way out, which run a start without an answer has started."""

PAST_THE_LIMIT = 4.5
"""Seconds after a limit has passed in which outputs may still be read: it is acted on within five."""

MAX_SHOWN_OUTPUTS = 10
"""Of a run with hundreds of failed tasks, the first ones tell enough."""

MAX_SHOWN_PAGES = 5
"""Of many runs left behind, the commands that lead back to them tell enough."""


def wait_for_runs(
    app: App,
    run_ids: Sequence[int],
    options: WaitOptions,
    *,
    just_started: bool = False,
    just_canceled: bool = False,
    reader: RunReader | None = None,
    pending_starts: PendingStarts | None = None,
    summarize: Callable[[Snapshot], str] = render_summary,
    interrupt: Interrupted | None = None,
) -> int:
    """Watch the runs to their end, tell of it, and return the exit code: their outcome.

    `just_started`: the runs exist for certain, though the server may not show them yet.
    `just_canceled`: that the runs have ended is all that is wanted, so it is a success.
    `reader`: what knows how to read these runs.
    `pending_starts`: runs that are started on the way; `summarize` says how all of them ended.
    `interrupt`: came before the wait could begin, so it is left at once.
    """
    app.streams.keep_results()
    known = {run_id: WatchedRun(run_id, is_known=just_started) for run_id in run_ids}
    wait = _Wait(app, options, reader or RunReader(app.api), pending_starts, summarize, known)
    wait.canceled = set(run_ids) if just_canceled else None
    with interruptible():
        try:
            code: int = wait.to_the_end(interrupt)
        except Interrupted as again:
            code = again.exit_code
            wait.leave_at_once()
        except DbjobsError:
            wait.leave("no other run can be started", OnExit.DETACH)
            wait.print_result()
            wait.report()
            raise
        wait.print_result()
        wait.report()
    is_outcome = code in {outcome.value for outcome in Outcome}
    return ExitCode.SUCCESS if just_canceled and is_outcome else code


@dataclass
class _Wait:
    app: App
    options: WaitOptions
    reader: RunReader
    pending_starts: PendingStarts | None
    summarize: Callable[[Snapshot], str]
    runs: dict[int, WatchedRun]
    """as last seen"""
    last: Snapshot | None = None
    exit_reason: str = ""
    """why the wait ended before its runs did"""
    is_hurried: bool = False
    """there is no time for questions: whoever interrupts may kill, and lost contact gives no answers"""
    shown_outputs: int = 0
    began: float = 0.0
    cancels: Cancels | None = None
    """while they are being sent"""
    canceled: set[int] | None = None
    """the runs whose cancel was accepted; None if none was sent"""

    def __post_init__(self) -> None:
        self.began = self.app.clock.monotonic()

    @cached_property
    def outputs(self) -> OutputCache:
        return OutputCache(self.app.api, self.app.streams.warn)

    @cached_property
    def teller(self) -> Teller:
        return Teller(self.app, self.options, self.outputs)

    def to_the_end(self, interrupt: Interrupted | None = None) -> int:
        """The exit code, when the runs have ended or the wait was left; a second signal passes through."""
        try:
            if interrupt:
                raise interrupt
            return self._follow_all()
        except Interrupted as signal:
            self.is_hurried = True
            self.leave("interrupted", self.options.on_interrupt)
            return signal.exit_code

    def _follow_all(self) -> ExitCode:
        run_ids = list(self.runs)
        self.teller.begin(run_ids)
        with self.teller.group(f"waiting for {format_runs(run_ids)}"):
            last = self._follow(self._schedule(), run_ids, self.pending_starts)
        if last.ending is Ending.TIMEOUT:
            self.leave("the time limit has passed", self.options.on_timeout)
        elif last.ending is Ending.FAILED_FAST:
            self.leave("a run has failed", OnExit.DETACH)
        elif last.ending is Ending.CONTACT_LOST:
            self._give_up(last)
        with time_limit(self.app.clock, self._seconds_for_outputs):
            self._tell_of_the_end()
        return exit_code_of(last, strict=self.options.strict)

    def _schedule(self) -> Schedule:
        options = self.options
        return Schedule(
            interval=options.poll_interval,
            maximum=options.poll_max,
            timeout=options.timeout,
            max_outage=options.max_outage,
            fail_fast=options.fail_fast,
            tick=tick_of(options.progress.value, self.app.streams),
        )

    def _follow(
        self, schedule: Schedule, run_ids: Sequence[int], pending_starts: PendingStarts | None = None
    ) -> Snapshot:
        app, reader = self.app, self.reader
        snapshots = watch_runs(
            run_ids,
            reader.fetch,
            app.clock,
            schedule,
            reader.fetch_children,
            pending_starts,
            reader.prepare,
            known=self.runs,
        )
        return follow(self._remember(snapshots), app.streams, self.options.progress.value, app.clock)

    def _remember(self, snapshots: Iterator[Snapshot]) -> Iterator[Snapshot]:
        """What was seen last is told in every ending."""
        for snapshot in snapshots:
            self.last = snapshot
            self.runs |= {watched.run_id: watched for watched in snapshot.runs}
            yield snapshot

    @property
    def _seconds_for_outputs(self) -> float:
        """What the limits leave for outputs and reports: these are extras."""
        elapsed = self.app.clock.monotonic() - self.began
        left = self.options.timeout + PAST_THE_LIMIT - elapsed
        is_lost = self.last is not None and self.last.ending is Ending.CONTACT_LOST
        return max(0.0, min(left, PAST_THE_LIMIT if is_lost else self.options.max_outage))

    @property
    def _whole(self) -> Snapshot:
        """The last snapshot, with all runs: after a cancel only some are followed."""
        last = self.last or Snapshot((), 0.0, 0.0)
        return replace(last, runs=tuple(self.runs.values()))

    def leave(self, reason: str, on_exit: OnExit) -> None:
        """Leave runs that go on: canceled, or with the words that lead back to them."""
        if self.cancels:  # a signal came while they were being sent
            self._end_cancels("interrupted")
        if self.pending_starts:  # one may have been started since the last snapshot
            self.runs = {watched.run_id: watched for watched in self.pending_starts.started} | self.runs
        if on_exit is OnExit.CANCEL:
            self._find_uncertain()
        active = self._active_ids()
        if not active:
            return
        self.exit_reason = f"{reason}: {format_runs(active)} had not ended"
        if on_exit is OnExit.DETACH:
            self.app.streams.note(f"{reason}: {self._how_to_go_on(active)}")
            return
        self.app.streams.note(f"{reason}: canceling {format_runs(active)}; another signal leaves at once")
        self.cancels = Cancels(self.app, active)
        cause = self.cancels.send()
        canceled, others = self.cancels.canceled, self.cancels.not_canceled
        self._end_cancels(cause)
        if others:
            self.app.streams.note(self._how_to_go_on(others))
        if canceled:
            self.report(is_final=False)  # whoever interrupts may not let it come so far
            self._await_cancels(canceled)

    def _end_cancels(self, cause: str) -> None:
        """No more are sent; `cause` says why some have no answer."""
        if self.cancels:
            self.cancels.warn_of_unanswered(cause)
            self.canceled = {*(self.canceled or ()), *self.cancels.canceled}
            self.cancels = None

    def _find_uncertain(self) -> None:
        """Runs that may have been started have to be known before they can be canceled."""
        pending, streams = self.pending_starts, self.app.streams
        for label in list(pending.uncertain) if pending else ():
            assert pending is not None  # noqa: S101 - else it has no labels
            streams.note(f"asking for the run of {label} to cancel it: it may have been started")
            try:
                with time_limit(self.app.clock, UNCERTAIN_PATIENCE):
                    found = pending.find_uncertain(label)
                self.runs[found.run_id] = found
            except DbjobsError as error:
                streams.warn(f"{label} may have been started, so it may go on: {error.message}")

    def _await_cancels(self, run_ids: Sequence[int]) -> None:
        schedule = replace(self._schedule(), interval=1.0, timeout=CANCEL_PATIENCE, fail_fast=False)
        self._follow(schedule, run_ids)
        if active := [run_id for run_id in run_ids if not self.runs[run_id].is_settled]:
            self.app.streams.warn(f"{format_runs(active)} was canceled, but its end was not seen")

    def leave_at_once(self) -> None:
        """At a second signal nothing more is asked; what is not known of cancels is said."""
        self.is_hurried = True
        self._end_cancels("interrupted once more")

    def _give_up(self, last: Snapshot) -> None:
        silence = format_no_contact(last)
        cause = last.error.message if last.error else "no answer"
        self.exit_reason, self.is_hurried = f"{silence}, so the outcome is not known", True
        active = self._active_ids()
        hint = self._how_to_go_on(active) if active else None
        error = UnreachableError(f"{silence}, so the outcome is not known: {cause}", hint=hint)
        self.app.streams.fail(error)

    def _active_ids(self) -> list[int]:
        return [watched.run_id for watched in self.runs.values() if not watched.is_settled]

    def _how_to_go_on(self, run_ids: Sequence[int]) -> str:
        """Once for all of them, however many they are."""
        ids = " ".join(map(str, run_ids))
        runs = [self.runs[run_id] for run_id in run_ids]
        urls = [watched.run.run_page_url for watched in runs if watched.run][:MAX_SHOWN_PAGES]
        words = [
            f"{format_runs(run_ids)} {_format_going(runs)}{self._say_canceled(run_ids)}",
            *(f"  page:      {url}" for url in urls if url),
            f"  reattach:  {self.app.command_line('runs wait', ids)}",
            f"  cancel:    {self.app.command_line('runs cancel', ids)}",
        ]
        return "\n".join(words)

    def _say_canceled(self, run_ids: Sequence[int]) -> str:
        if self.canceled is None:
            return ", and nothing was canceled"
        canceled = [run_id for run_id in run_ids if run_id in self.canceled]
        return f"; the cancel of {format_runs(canceled)} was accepted" if canceled else ""

    def _tell_of_the_end(self) -> None:
        """The outcome in words, the output that was asked for, and what needs an eye."""
        streams = self.app.streams
        has_shown = False
        self._tell_of_the_lost([watched for watched in self.runs.values() if watched.is_lost])
        for watched in self.runs.values():
            if watched.is_lost or watched.run is None or not watched.run.is_ended:
                continue
            has_shown = self._show_outputs(watched.run) or has_shown
            if watched.run.outcome is Outcome.SUCCESS_WITH_FAILURES:
                failed = ", ".join(task.task_key for task in watched.run.failed_tasks)
                streams.warn(f"run {watched.run_id} succeeded, but these tasks failed: {failed}")
            if error := watched.run.page_error:
                streams.warn(f"some tasks of run {watched.run_id} could not be read: {error.message}")
        if has_shown or self.pending_starts or mode_of(self.options.progress.value, streams) != "live":
            streams.note(self.summarize(self._whole))  # else the live view has just said it

    def _tell_of_the_lost(self, lost: Sequence[WatchedRun]) -> None:
        """Each reason once, and how to go on once for all."""
        by_reason: dict[str, tuple[DbjobsError, list[int]]] = {}
        for watched in lost:
            if watched.error:
                by_reason.setdefault(watched.error.message, (watched.error, []))[1].append(watched.run_id)
        known = [watched.run_id for watched in lost if watched.is_known]
        for number, (error, run_ids) in enumerate(by_reason.values(), 1):
            told = copy(error)
            told.message = f"{format_runs(run_ids)} cannot be read: {error.message}"
            if known and number == len(by_reason):
                told.hint = "\n".join(filter(None, [error.hint, self._how_to_go_on(known)]))
            self.app.streams.fail(told)

    def _show_outputs(self, run: Run) -> bool:
        """True if there was anything to show."""
        wanted: tuple[TaskRun, ...] = ()
        if self.options.show_output is ShowOutput.ALL:
            wanted = run.output_runs
        elif self.options.show_output is ShowOutput.FAILED:
            wanted = run.failed_tasks or (() if run.tasks or _is_good(run) else run.output_runs)
        room = max(0, MAX_SHOWN_OUTPUTS - self.shown_outputs)
        for task in wanted[:room]:
            with self.teller.group(f"{task.task_key} {task.shown_state}"):
                self.app.streams.show(self._output_text(task), run_id=run.run_id, task_key=task.task_key)
        self.shown_outputs += len(wanted[:room])
        if len(wanted) > room:
            more = self.app.command_line("runs output", str(run.run_id))
            self.app.streams.note(f"… and {count(len(wanted) - room, 'task')} more: {more}")
        return bool(wanted)

    def _output_text(self, task: TaskRun) -> str:
        """Trouble with fetching an output never changes how a wait ends."""
        is_failed = task.outcome in OWN_FAILURES
        output = self.outputs.fetch_failure(task) if is_failed else self.outputs.fetch(task)
        if self.options.show_output is ShowOutput.ALL and output is not None:
            return render_output(task, output)
        return render_failure(task, output)

    def report(self, *, is_final: bool = True) -> None:
        """What pipelines read, whatever the ending."""
        with time_limit(self.app.clock, self._seconds_for_outputs):
            self.teller.end(self._whole, self.exit_reason, may_ask=not self.is_hurried, is_final=is_final)

    def print_result(self) -> None:
        """The runs as last seen, on stdout."""
        streams, output = self.app.streams, self.app.output
        payloads = [
            watched.run.payload if watched.run else {"run_id": watched.run_id}
            for watched in self.runs.values()
        ]
        if output == "text":
            for watched in self.runs.values():
                streams.result(_result_line(watched))
        elif output == "id":  # the start has printed them already, unless it was elsewhere
            streams.result_ids(*(str(payload["run_id"]) for payload in payloads))
        elif len(payloads) == 1 and not self.pending_starts:
            write_document(streams, payloads[0], output)
        else:
            write_documents(streams, payloads, output)


def _result_line(watched: WatchedRun) -> str:
    """For scripts; `-` for what is not known."""
    run = watched.run
    states = (run.life_cycle_state, run.result_state) if run else (None, None)
    return "\t".join([str(watched.run_id), *(state or "-" for state in states)])


def _is_good(run: Run) -> bool:
    return run.outcome is not None and run.outcome.is_good


def _format_going(runs: Sequence[WatchedRun]) -> str:
    """Of runs that have not ended, as far as is known; only what was just seen is said for certain."""
    seen = [watched.run for watched in runs if watched.run and not watched.error]
    if seen and all(run.is_ended for run in seen) and len(seen) == len(runs):
        return f"{'has' if len(seen) == 1 else 'have'} ended, but the result was not seen"
    if len(seen) < len(runs) or any(run.is_ended for run in seen):
        return "may still be running"
    verb = "is" if len(seen) == 1 else "are"
    return f"{verb} still {'queued' if all(run.phase is Phase.WAITING for run in seen) else 'running'}"
