"""Every --wait, from its first word to its exit code."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import typer

from dbjobs.commands.options import Leaving, ShowOutput, WaitOptions
from dbjobs.context import App
from dbjobs.errors import DbjobsError, SignInError, UnreachableError
from dbjobs.exit_codes import ExitCode
from dbjobs.interrupts import Interrupted, interruptible
from dbjobs.models import Run, TaskRun
from dbjobs.reading import RunReader
from dbjobs.render.follow import follow, mode_of, tick_of
from dbjobs.render.outputs import render_failure, render_output, render_summary
from dbjobs.render.plain import write_document, write_documents
from dbjobs.render.streams import silence_broken_stdout
from dbjobs.render.words import say_duration
from dbjobs.retrying import NO_RETRIES, Retrying
from dbjobs.states import Outcome
from dbjobs.watch import Ending, Schedule, Snapshot, WatchedRun, exit_code_of, watch_runs

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
) -> NoReturn:
    """Watch the runs to their end, tell of it, and exit with their outcome.

    `grace`: seconds for which a run may still be unknown to the server.
    `any_outcome`: that the runs have ended is all that was wanted, so it is a success.
    `reader`: what knows how to read these runs.
    """
    wait = _Wait(app, run_ids, options, reader or RunReader(app.api))
    with interruptible():
        try:
            code: int = wait.to_the_end(grace)
        except Interrupted as interrupt:
            wait.part("interrupted", options.on_interrupt)
            code = interrupt.exit_code
        wait.print_result()
    is_outcome = code in {outcome.value for outcome in Outcome}
    raise typer.Exit(ExitCode.SUCCESS if any_outcome and is_outcome else code)


@dataclass
class _Wait:
    app: App
    run_ids: Sequence[int]
    options: WaitOptions
    reader: RunReader
    last: Snapshot | None = None

    def to_the_end(self, grace: float) -> ExitCode:
        last = self._follow(self._schedule(grace))
        if last.ending is Ending.TIMEOUT:
            self.part("the time limit has passed", self.options.on_timeout)
        elif last.ending is Ending.FAILED_FAST:
            self.part("a run has failed", Leaving.DETACH)
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
        snapshots = watch_runs(self.run_ids, reader.fetch, app.clock, schedule, reader.fetch_children)
        return follow(self._remember(snapshots), app.streams, self.options.progress.value, app.clock)

    def _remember(self, snapshots: Iterator[Snapshot]) -> Iterator[Snapshot]:
        """What was seen last is told in every ending."""
        for snapshot in snapshots:
            self.last = snapshot
            yield snapshot

    def part(self, reason: str, leaving: Leaving) -> None:
        """Leave runs that go on: canceled, or with the words that lead back to them."""
        active = self._active_ids()
        if not active:
            return
        if leaving is Leaving.DETACH:
            self.app.streams.note(f"{reason}: {self._how_to_go_on(active)}")
            return
        if self._cancel(active):
            self.app.streams.note(f"{reason}: canceled {_these(active)}, waiting for the end")
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
        cause = last.trouble.message if last.trouble else "no answer"
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
            if watched.is_gone and watched.trouble:
                self._tell_of_the_gone(watched, watched.trouble)
            elif watched.run and watched.run.is_ended:
                has_shown = self._show_outputs(watched.run) or has_shown
                if watched.run.outcome is Outcome.SUCCESS_WITH_FAILURES:
                    failed = ", ".join(task.task_key for task in watched.run.failed_tasks)
                    streams.warn(f"run {watched.run_id} succeeded, but these tasks failed: {failed}")
        if has_shown or mode_of(self.options.progress.value, streams) != "live":
            streams.note(render_summary(self.last))  # else the live view has just said it

    def _tell_of_the_gone(self, watched: WatchedRun, trouble: DbjobsError) -> None:
        if isinstance(trouble, SignInError):
            trouble.hint = self._how_to_go_on([watched.run_id])
        trouble.message = f"run {watched.run_id} is watched no more: {trouble.message}"
        self.app.streams.fail(trouble)

    def _show_outputs(self, run: Run) -> bool:
        """True if there was anything to show."""
        wanted: tuple[TaskRun, ...] = ()
        if self.options.show_output is ShowOutput.ALL:
            wanted = run.output_runs
        elif self.options.show_output is ShowOutput.FAILED:
            wanted = run.failed_tasks or (() if run.tasks or _is_good(run) else run.output_runs)
        for task in wanted[:MAX_SHOWN_OUTPUTS]:
            self.app.streams.show(self._output_text(task))
        if len(wanted) > MAX_SHOWN_OUTPUTS:
            more = self.app.command_line("runs output", str(run.run_id))
            self.app.streams.note(f"… and {len(wanted) - MAX_SHOWN_OUTPUTS} tasks more: {more}")
        return bool(wanted)

    def _output_text(self, task: TaskRun) -> str:
        """Trouble with fetching an output never changes how a wait ends."""
        output = None
        try:
            output = self.app.api.get_run_output(task.run_id, NO_RETRIES) if task.run_id else None
        except DbjobsError as error:
            self.app.streams.warn(f"the output of {task.task_key} could not be fetched: {error.message}")
        if self.options.show_output is ShowOutput.ALL and output is not None:
            return render_output(task, output)
        return render_failure(task, output)

    def print_result(self) -> None:
        """The runs as last seen, on stdout; if its reader has left, the exit code still tells."""
        try:
            self._print_runs()
        except BrokenPipeError:
            silence_broken_stdout()

    def _print_runs(self) -> None:
        streams, output = self.app.streams, self.app.output
        runs = [watched.run for watched in self.last.runs if watched.run] if self.last else []
        if output == "text":
            for run in runs:
                streams.result(f"{run.run_id}\t{run.life_cycle_state or '-'}\t{run.result_state or '-'}")
        elif len(self.run_ids) == 1 and runs:
            write_document(streams, runs[0].payload, output, id_key="run_id")
        else:
            write_documents(streams, [run.payload for run in runs], output, id_key="run_id")


def _is_good(run: Run) -> bool:
    return run.outcome is not None and run.outcome.is_good


def _these(run_ids: Sequence[int]) -> str:
    """`run 1`, or `runs 1, 2`."""
    return f"run{'s'[: len(run_ids) > 1]} {', '.join(map(str, run_ids))}"
