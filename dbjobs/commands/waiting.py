"""Every --wait, from its first word to its exit code."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from dbjobs.commands.telling import Teller
from dbjobs.commands.wait_options import OnExit, ShowOutput, WaitOptions
from dbjobs.context import App
from dbjobs.errors import DbjobsError, SignInError, UnreachableError
from dbjobs.exit_codes import ExitCode
from dbjobs.interrupts import Interrupted, interruptible
from dbjobs.models import Run, TaskRun
from dbjobs.outputs import OutputCache
from dbjobs.reading import RunReader
from dbjobs.render.follow import follow, mode_of, tick_of
from dbjobs.render.outputs import render_failure, render_output, render_summary
from dbjobs.render.plain import write_document, write_documents
from dbjobs.render.streams import silence_broken_stdout
from dbjobs.render.words import count, say_duration
from dbjobs.retrying import Retrying
from dbjobs.states import Outcome
from dbjobs.watch import Ending, PendingStarts, Schedule, Snapshot, WatchedRun, exit_code_of, watch_runs

INVISIBLE_FOR = 30.0
"""Seconds for which a new run may be unknown to the server: the service is eventually consistent."""

CANCEL_PATIENCE = 120.0
"""Seconds a wait goes on after it has canceled its runs: a cancel is asynchronous."""

CANCEL_RETRYING = Retrying(network=60, server=60, server_error_pause=5)
"""A cancel on the way out is tried for a minute: nobody waits ten for it."""

MAX_SHOWN_OUTPUTS = 10
"""Of a run with hundreds of failed tasks, the first ones tell enough."""


def wait_for_runs(
    app: App,
    run_ids: Sequence[int],
    options: WaitOptions,
    *,
    grace: float = 0.0,
    any_outcome: bool = False,
    reader: RunReader | None = None,
    pending_starts: PendingStarts | None = None,
    summarise: Callable[[Snapshot], str] = render_summary,
) -> int:
    """Watch the runs to their end, tell of it, and return the exit code: their outcome.

    `grace`: seconds for which a run may still be unknown to the server.
    `any_outcome`: that the runs have ended is all that was wanted, so it is a success.
    `reader`: what knows how to read these runs.
    `pending_starts`: runs that are started on the way; `summarise` says how all of them ended.
    """
    wait = _Wait(app, run_ids, options, reader or RunReader(app.api), pending_starts, summarise)
    with interruptible():
        try:
            code: int = wait.to_the_end(grace)
        except Interrupted as interrupt:
            wait.is_hurried = True
            wait.leave("interrupted", options.on_interrupt)
            code = interrupt.exit_code
        except DbjobsError:
            wait.leave("no other run can be started", OnExit.DETACH)
            wait.report()
            raise
        wait.print_result()
        wait.report()
    is_outcome = code in {outcome.value for outcome in Outcome}
    return ExitCode.SUCCESS if any_outcome and is_outcome else code


@dataclass
class _Wait:
    app: App
    run_ids: Sequence[int]
    options: WaitOptions
    reader: RunReader
    pending_starts: PendingStarts | None
    summarise: Callable[[Snapshot], str]
    last: Snapshot | None = None
    exit_reason: str = ""
    """why the wait ended before its runs did"""
    is_hurried: bool = False
    """there is no time for questions: whoever interrupts may kill, and lost contact gives no answers"""
    shown_outputs: int = 0

    @cached_property
    def outputs(self) -> OutputCache:
        return OutputCache(self.app.api, self.app.streams.warn)

    @cached_property
    def teller(self) -> Teller:
        return Teller(self.app, self.options, self.outputs)

    def to_the_end(self, grace: float) -> ExitCode:
        self.teller.begin(self.run_ids)
        with self.teller.group(f"waiting for {_these(self.run_ids)}"):
            last = self._follow(self._schedule(grace))
        if last.ending is Ending.TIMEOUT:
            self.leave("the time limit has passed", self.options.on_timeout)
        elif last.ending is Ending.FAILED_FAST:
            self.leave("a run has failed", OnExit.DETACH)
        elif last.ending is Ending.CONTACT_LOST:
            self._give_up(last)
        self._tell_of_the_end()
        return exit_code_of(last, strict=self.options.strict)

    def _schedule(self, grace: float) -> Schedule:
        options = self.options
        return Schedule(
            interval=options.poll_interval,
            maximum=options.poll_max,
            timeout=options.timeout,
            max_outage=options.max_outage,
            fail_fast=options.fail_fast,
            grace=grace,
            tick=tick_of(options.progress.value, self.app.streams),
        )

    def _follow(self, schedule: Schedule) -> Snapshot:
        app, reader = self.app, self.reader
        run_ids, pending_starts = self.run_ids, self.pending_starts
        if self.last:  # the end of what was canceled is awaited, and nothing more is started
            run_ids, pending_starts = [watched.run_id for watched in self.last.runs], None
        snapshots = watch_runs(
            run_ids, reader.fetch, app.clock, schedule, reader.fetch_children, pending_starts, reader.prepare
        )
        return follow(self._remember(snapshots), app.streams, self.options.progress.value, app.clock)

    def _remember(self, snapshots: Iterator[Snapshot]) -> Iterator[Snapshot]:
        """What was seen last is told in every ending."""
        for snapshot in snapshots:
            self.last = snapshot
            yield snapshot

    def leave(self, reason: str, on_exit: OnExit) -> None:
        """Leave runs that go on: canceled, or with the words that lead back to them."""
        active = self._active_ids()
        if not active:
            return
        self.exit_reason = f"{reason}: {_these(active)} had not ended"
        if on_exit is OnExit.DETACH:
            self.app.streams.note(f"{reason}: {self._how_to_go_on(active)}")
            return
        if self._cancel(active):
            self.app.streams.note(f"{reason}: canceled {_these(active)}, waiting for the end")
            self.report(is_final=False)  # whoever interrupts may not let it come so far
            self._follow(replace(self._schedule(0), interval=1.0, timeout=CANCEL_PATIENCE, fail_fast=False))

    def _cancel(self, run_ids: Sequence[int]) -> bool:
        """First of all, for whoever interrupts may leave little time; False if it could not be asked for."""
        try:
            self.app.each(lambda run_id: self.app.api.cancel_run(run_id, CANCEL_RETRYING), run_ids)
        except DbjobsError as error:
            error.hint = self._how_to_go_on(run_ids)
            self.app.streams.fail(error)
            return False
        return True

    def _give_up(self, last: Snapshot) -> None:
        silence = say_duration(last.elapsed - last.last_contact)
        cause = last.error.message if last.error else "no answer"
        self.exit_reason, self.is_hurried = f"no contact for {silence}, so the outcome is not known", True
        self.app.streams.fail(
            UnreachableError(
                f"no contact for {silence}, so the outcome is not known: {cause}",
                hint=self._how_to_go_on(self._active_ids()),
            )
        )

    def _active_ids(self) -> list[int]:
        if self.last is None:
            return list(self.run_ids)
        return [watched.run_id for watched in self.last.runs if not watched.is_settled]

    def _how_to_go_on(self, active: Sequence[int]) -> str:
        ids = " ".join(map(str, active))
        urls = [watched.run.run_page_url for watched in self._watched(active) if watched.run]
        words = [
            f"{_these(active)} may still be going, and nothing was canceled",
            *(f"  page:      {url}" for url in urls if url),
            f"  reattach:  {self.app.command_line('runs wait', ids)}",
            f"  cancel:    {self.app.command_line('runs cancel', ids)}",
        ]
        return "\n".join(words)

    def _watched(self, run_ids: Iterable[int]) -> list[WatchedRun]:
        wanted = set(run_ids)
        return [watched for watched in self.last.runs if watched.run_id in wanted] if self.last else []

    def _tell_of_the_end(self) -> None:
        """The outcome in words, the output that was asked for, and what needs an eye."""
        assert self.last is not None  # noqa: S101 - a watch yields before it ends
        streams = self.app.streams
        has_shown = False
        for watched in self.last.runs:
            if watched.is_lost and watched.error:
                self._tell_of_the_gone(watched, watched.error)
            elif watched.run and watched.run.is_ended:
                has_shown = self._show_outputs(watched.run) or has_shown
                if watched.run.outcome is Outcome.SUCCESS_WITH_FAILURES:
                    failed = ", ".join(task.task_key for task in watched.run.failed_tasks)
                    streams.warn(f"run {watched.run_id} succeeded, but these tasks failed: {failed}")
        if has_shown or self.pending_starts or mode_of(self.options.progress.value, streams) != "live":
            streams.note(self.summarise(self.last))  # else the live view has just said it

    def _tell_of_the_gone(self, watched: WatchedRun, error: DbjobsError) -> None:
        if isinstance(error, SignInError):
            error.hint = self._how_to_go_on([watched.run_id])
        error.message = f"run {watched.run_id} is watched no more: {error.message}"
        self.app.streams.fail(error)

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
                self.app.streams.show(self._output_text(task))
        self.shown_outputs += len(wanted[:room])
        if len(wanted) > room:
            more = self.app.command_line("runs output", str(run.run_id))
            self.app.streams.note(f"… and {count(len(wanted) - room, 'task')} more: {more}")
        return bool(wanted)

    def _output_text(self, task: TaskRun) -> str:
        """Trouble with fetching an output never changes how a wait ends."""
        output = self.outputs.fetch(task)
        if self.options.show_output is ShowOutput.ALL and output is not None:
            return render_output(task, output)
        return render_failure(task, output)

    def report(self, *, is_final: bool = True) -> None:
        """What pipelines read, whatever the ending."""
        last = self.last or Snapshot(tuple(map(WatchedRun, self.run_ids)), 0.0, 0.0)
        self.teller.end(last, self.exit_reason, may_ask=not self.is_hurried, is_final=is_final)

    def print_result(self) -> None:
        """The runs as last seen, on stdout; if its reader has left, the exit code still tells."""
        try:
            self._print_runs()
        except BrokenPipeError:
            silence_broken_stdout()

    def _print_runs(self) -> None:
        streams, output = self.app.streams, self.app.output
        seen = self.last.runs if self.last else tuple(map(WatchedRun, self.run_ids))
        payloads = [watched.run.payload for watched in seen if watched.run]
        if output == "text":
            for watched in seen:
                streams.result(_result_line(watched))
        elif len(self.run_ids) == 1 and payloads:
            write_document(streams, payloads[0], output, id_key="run_id")
        else:
            write_documents(streams, payloads, output, id_key="run_id")


def _result_line(watched: WatchedRun) -> str:
    """For scripts; `-` for what is not known."""
    run = watched.run
    states = (run.life_cycle_state, run.result_state) if run else (None, None)
    return "\t".join([str(watched.run_id), *(state or "-" for state in states)])


def _is_good(run: Run) -> bool:
    return run.outcome is not None and run.outcome.is_good


def _these(run_ids: Sequence[int]) -> str:
    """`run 1`, or `runs 1, 2`; `runs` where they are not known yet."""
    return f"run{'s'[: len(run_ids) != 1]} {', '.join(map(str, run_ids))}".rstrip()
