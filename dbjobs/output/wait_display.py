"""What a wait shows: progress, what it leaves behind, the outputs of tasks, the result and the reports."""

import math
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbjobs.api.models import Run
from dbjobs.api.states import Outcome, Phase
from dbjobs.common.clock import Clock
from dbjobs.errors import DbjobsError, UnreachableError
from dbjobs.output.browser import is_page, open_page
from dbjobs.output.ci_systems import CiSystem, detect_ci_system
from dbjobs.output.explanation import MAX_SHORT_CAUSES
from dbjobs.output.formatting import format_no_contact
from dbjobs.output.progress import LONGEST_LIVE_PAUSE, TICKS, ProgressMode, open_view, resolve_mode
from dbjobs.output.reporting import Reporter
from dbjobs.output.sets import describe_next_step, sets_of
from dbjobs.output.streams import Streams
from dbjobs.output.structured import write_document, write_documents
from dbjobs.output.task_outputs import render_summary
from dbjobs.output.view import View
from dbjobs.output.wait_outputs import MAX_EXPLAINED_RUNS, WaitOutputs
from dbjobs.runs.failures import FailureReader
from dbjobs.runs.snapshots import Ending, Snapshot, WatchedRun, format_runs
from dbjobs.runs.waiting import LeftByUser

if TYPE_CHECKING:
    from dbjobs.runs.backfill import Backfill

MAX_SHOWN_PAGES = 5
"""The URLs of this many runs are shown when a wait ends before they do."""


@dataclass
class WaitDisplay:
    """The `WaitObserver` of every command that waits."""

    streams: Streams
    clock: Clock
    reporter: Reporter
    failures: FailureReader
    command_line: Callable[[str, str], str]
    """makes the command that people may type next, from its name and arguments"""
    output: str = "text"
    """the form of the result: text, json, jsonl, yaml or id"""
    progress: ProgressMode = ProgressMode.AUTO
    show_output: str = "failed"
    """whose outputs are shown: failed, all or none"""
    backfill: "Backfill | None" = None
    """what starts the runs during the wait"""
    same_command: Callable[..., str] = str
    """makes the command that continues a backfill, with more options"""
    canceled: set[int] | None = None
    """the runs whose cancel was accepted; None if none was sent"""
    no_input: bool = False
    """no key is read, and nobody is notified"""
    earlier_attempts: Set[int | None] = frozenset()
    """the run_ids of attempts whose failures are not new"""

    def __post_init__(self) -> None:
        self._mode = resolve_mode(self.progress, self.streams)
        self._view = View()
        self._outputs = WaitOutputs(
            self.streams,
            self.clock,
            self.reporter,
            self.failures,
            self.command_line,
            self.show_output,
            self.earlier_attempts,
        )
        self._has_result = False
        self._watched: Sequence[WatchedRun] = ()

    @property
    def tick(self) -> float:
        """The seconds after which a snapshot is wanted while the watch pauses."""
        return TICKS[self._mode]

    @property
    def longest_pause(self) -> float:
        """No pause that the user did not ask for is longer, in seconds."""
        return LONGEST_LIVE_PAUSE if self._mode is ProgressMode.LIVE else math.inf

    def wants_poll(self) -> bool:
        """Whether the key `r` was pressed; `o` opens a page, `d` and `c` end the wait."""
        keys = self._view.read_keys()
        if "o" in keys:
            self._open_page()
        if "c" in keys or "d" in keys:
            raise LeftByUser(cancels="c" in keys)
        return "r" in keys

    def sleep(self, seconds: float) -> None:
        (self._view.sleep or self.clock.sleep)(seconds)

    def _open_page(self) -> None:
        """Open the page of the run, or of the first that is active; without a browser, show its URL."""
        runs = sorted(self._watched, key=lambda watched: watched.is_settled)
        urls = [watched.run.run_page_url for watched in runs if watched.run]
        url = next((url for url in urls if url and is_page(url)), None)
        with self._view.paused():
            if url is None:
                self.streams.note("the workspace gives no URL for this run's page")
            elif open_page(url, self.streams.environ):
                self.streams.note(f"opened {url}")
            else:
                self.streams.note(f"page: {url}")

    def on_begin(self, run_ids: Sequence[int]) -> None:
        self.reporter.begin(run_ids)

    @contextmanager
    def watching(self, title: str) -> Iterator[None]:
        group = self.reporter.group(title) if title else nullcontext()
        has_keys = not self.no_input and detect_ci_system(self.streams.environ) is CiSystem.NONE
        with group, open_view(self._mode, self.streams, self.clock, has_keys=has_keys) as self._view:
            yield

    def on_snapshot(self, snapshot: Snapshot) -> None:
        has_new = len(snapshot.runs) > len(self._watched)
        if self.backfill and self.output in ("text", "id") and has_new and not self._is_drawn_over:
            self.streams.result_ids(*(str(watched.run_id) for watched in snapshot.runs))
        snapshot = self._outputs.add_causes(snapshot)
        self._watched = snapshot.runs
        is_last_frame = self._mode is ProgressMode.LIVE and snapshot.ending is Ending.ALL_ENDED
        self._view.show(self._leave_out_explained(snapshot) if is_last_frame else snapshot)
        if snapshot.ending is None or is_last_frame:
            self._outputs.show_ended(snapshot, self._view.paused)
        self.reporter.show_progress(snapshot)

    @property
    def _is_drawn_over(self) -> bool:
        """A line of text on stdout would stand amid the live view, which shows the runs itself."""
        is_terminal = self._mode is ProgressMode.LIVE and self.streams.is_terminal(self.streams.out)
        return is_terminal and self.output == "text"

    def _leave_out_explained(self, snapshot: Snapshot) -> Snapshot:
        """Without the causes that are told below the last frame, by `explain`."""
        failed = [watched for watched in snapshot.runs if self._find_failure(watched)]
        if self.backfill or len(failed) > MAX_EXPLAINED_RUNS:
            return snapshot
        explained = {
            watched.run_id: replace(watched, causes=dict.fromkeys(watched.causes, ""))
            for watched in failed
            if len(set(watched.causes.values())) <= MAX_SHORT_CAUSES
        }
        runs = (explained.get(watched.run_id, watched) for watched in snapshot.runs)
        return replace(snapshot, runs=tuple(runs))

    def on_leave(self, reason: str, runs: Sequence[WatchedRun]) -> None:
        if reason:
            self.streams.note(f"{reason}: {self._how_to_go_on(runs)}")
        else:
            self.streams.warn(self._how_to_go_on(runs))

    def on_canceled(self, run_ids: Sequence[int]) -> None:
        self.canceled = {*(self.canceled or ()), *run_ids}

    def on_contact_lost(self, snapshot: Snapshot) -> None:
        cause = snapshot.error.message if snapshot.error else "no answer"
        active = [watched for watched in snapshot.runs if not watched.is_settled]
        hint = self._how_to_go_on(active) if active else None
        self.streams.fail(UnreachableError(f"{_contact_lost_reason(snapshot)}: {cause}", hint=hint))

    def _how_to_go_on(self, runs: Sequence[WatchedRun]) -> str:
        """Where the runs are, and the commands that wait for them and cancel them."""
        run_ids = [watched.run_id for watched in runs]
        ids = " ".join(map(str, run_ids))
        canceled = ", and nothing was canceled"
        if self.canceled is not None:
            accepted = [run_id for run_id in run_ids if run_id in self.canceled]
            canceled = f"; the cancel of {format_runs(accepted)} was accepted" if accepted else ""
        urls = [watched.run.run_page_url for watched in runs if watched.run][:MAX_SHOWN_PAGES]
        lines = [
            f"{format_runs(run_ids)} {_format_activity(runs)}{canceled}",
            *(f"  page:      {url}" for url in urls if url),
            f"  reattach:  {self.command_line('runs wait', ids)}",
            f"  cancel:    {self.command_line('runs cancel', ids)}",
        ]
        return "\n".join(lines)

    def on_end(self, snapshot: Snapshot) -> None:
        """Show the outputs that were asked for, warnings, and the summary."""
        self.failures.forget_outage()
        self._show_lost([watched for watched in snapshot.runs if watched.is_lost])
        for watched in snapshot.runs:
            if watched.is_lost or watched.run is None or not watched.run.is_ended:
                continue
            self._outputs.show_rest(watched)
            if watched.run.outcome is Outcome.SUCCESS_WITH_FAILURES:
                failed = ", ".join(task.task_key for task in watched.run.failed_tasks)
                self.streams.warn(f"run {watched.run_id} succeeded, but these tasks failed: {failed}")
            if error := watched.run.page_error:
                self.streams.warn(f"some tasks of run {watched.run_id} could not be read: {error.message}")
        if self.backfill:
            return
        if self._mode is not ProgressMode.LIVE:  # which shows it
            self.streams.note(render_summary(snapshot))
        self._outputs.explain([run for run in map(self._find_failure, snapshot.runs) if run])

    def _show_sets(self, backfill: "Backfill", snapshot: Snapshot, *, may_ask: bool) -> None:
        """What became of every set, why some failed, and the command that continues."""
        from dbjobs.output.terminal.parameter_sets import render_sets, render_sets_summary
        from dbjobs.output.terminal.sets_view import MAX_SET_ROWS

        sets = backfill.sets
        is_live = self._mode is ProgressMode.LIVE
        is_shown = is_live and snapshot.ending is not None  # by the last frame of the live view
        snapshot = self._outputs.add_causes(replace(snapshot, sets=sets, unstarted=0), may_ask=may_ask)
        states = [one.state for one in sets_of(snapshot, sets)]
        if not (is_shown and len(sets.labels) <= MAX_SET_ROWS):
            now = self.clock.now()
            if table := render_sets(self.streams, snapshot, sets, now, is_for_all=not is_live):
                self.streams.note(f"\n{table}" if is_live else table)
        if not is_shown:
            self.streams.note(render_sets_summary(self.streams, snapshot, sets))
        if sets.uncertain:
            self.streams.warn(f"{'; '.join(sets.uncertain)} may have been started, or not")
        if failed := next((group.runs[0] for group in snapshot.failure_groups if group.cause), None):
            self.streams.note(f"more: {self.command_line('runs explain', str(failed.run_id))}")
        if step := describe_next_step(states):
            reason, is_repair = step
            options = ["--rerun-failed"] if is_repair and not backfill.repair_reader else []
            lines = [f"next: {self.same_command(*options)}", f"      {reason}"]
            self.streams.note("\n".join(self.streams.wrap(self.streams.err, lines)))

    def _find_failure(self, watched: WatchedRun) -> Run | None:
        """The run, if it did not end well, though nobody here wanted it to be canceled."""
        run = watched.run
        is_bad = run is not None and run.outcome is not None and not run.outcome.is_good
        return run if is_bad and not watched.is_lost and watched.run_id not in (self.canceled or ()) else None

    def _show_lost(self, lost: Sequence[WatchedRun]) -> None:
        """Each error once, with its runs; the last one says how to continue with all of them."""
        by_message: dict[str, tuple[DbjobsError, list[int]]] = {}
        for watched in lost:
            if watched.error:
                by_message.setdefault(watched.error.message, (watched.error, []))[1].append(watched.run_id)
        known = [watched for watched in lost if watched.is_known]
        for number, (error, run_ids) in enumerate(by_message.values(), 1):
            shown = copy(error)
            shown.message = f"{format_runs(run_ids)} cannot be read: {error.message}"
            if known and number == len(by_message):
                shown.hint = "\n".join(filter(None, [error.hint, self._how_to_go_on(known)]))
            self.streams.fail(shown)

    def report(self, snapshot: Snapshot, exit_reason: str, *, may_ask: bool, is_final: bool) -> None:
        if is_final and not self._has_result:
            self._has_result = True
            if self.backfill is None or not self._is_drawn_over:
                self._print_result(snapshot.runs)
            if self.backfill and self.backfill.planned:
                self._show_sets(self.backfill, snapshot, may_ask=may_ask)
        if snapshot.ending is Ending.CONTACT_LOST and not exit_reason:
            exit_reason = _contact_lost_reason(snapshot)
        self.reporter.end(snapshot, exit_reason, may_ask=may_ask, is_final=is_final)

    def _print_result(self, runs: Sequence[WatchedRun]) -> None:
        """The runs as last seen, on stdout."""
        payloads = [watched.run.payload if watched.run else {"run_id": watched.run_id} for watched in runs]
        if self.output == "text":
            for watched in runs:
                run = watched.run
                states = (run.life_cycle_state, run.result_state) if run else (None, None)
                self.streams.result("\t".join([str(watched.run_id), *(state or "-" for state in states)]))
        elif self.output == "id":  # the start has printed them already, unless it was elsewhere
            self.streams.result_ids(*(str(payload["run_id"]) for payload in payloads))
        elif len(payloads) == 1 and self.backfill is None:
            write_document(self.streams, payloads[0], self.output)
        else:
            write_documents(self.streams, payloads, self.output)


def _contact_lost_reason(snapshot: Snapshot) -> str:
    return f"{format_no_contact(snapshot)}, so the outcome is not known"


def _format_activity(runs: Sequence[WatchedRun]) -> str:
    """What runs that have not ended do, as far as is known; only what was just seen is said for certain."""
    seen = [watched.run for watched in runs if watched.run and not (watched.error or watched.repair)]
    if seen and all(run.is_ended for run in seen) and len(seen) == len(runs):
        return f"{'has' if len(seen) == 1 else 'have'} ended, but the result was not seen"
    if len(seen) < len(runs) or any(run.is_ended for run in seen):
        return "may still be running"
    verb = "is" if len(seen) == 1 else "are"
    return f"{verb} still {'queued' if all(run.phase is Phase.WAITING for run in seen) else 'running'}"
