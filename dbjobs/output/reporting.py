"""Reporting the outcome of a wait to the CI system, to report files, and to a webhook.

Nothing here may change how a wait ends: whatever goes wrong is a warning.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dbjobs.common.clock import Clock
from dbjobs.errors import DbjobsError
from dbjobs.output.ci_systems import CiSystem, detect_ci_system
from dbjobs.output.streams import Streams
from dbjobs.runs.cause_groups import MAX_GROUPED
from dbjobs.runs.failures import FailureReader
from dbjobs.runs.snapshots import PendingStarts, Snapshot

if TYPE_CHECKING:
    from dbjobs.api.models import TaskRun
    from dbjobs.output.ci import CiFormat, CiOutput, Program
    from dbjobs.output.reports.model import Report, ReportedRun

MAX_OUTPUTS = 50
"""Outputs that are fetched for the reports of one wait; each is a request."""

PROGRAM_SECONDS = 10.0
"""How long a program of the CI system may run."""


@dataclass
class Reporter:
    """Reports runs to the CI system and to files."""

    streams: Streams
    clock: Clock
    failures: FailureReader
    ci: CiSystem
    files: Sequence[tuple[Path, str]] = ()
    """the files to write, each with its form"""
    pending_starts: PendingStarts | None = None
    """the runs that a backfill still has to start"""
    is_strict: bool = False
    """SUCCESS_WITH_FAILURES counts as a failure"""
    has_groups: bool = True
    """the log of the CI system is for people, so parts of it can be collapsed"""
    notify_url: str | None = None
    """the webhook that is notified how the wait ended"""
    trace_target: str | None = None
    """the file or the collector that gets the runs as a trace"""
    _percent: int = 0
    _has_traced: bool = False
    _has_notified: bool = False
    _appended_at: dict[Path, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ci_format: CiFormat | None = None
        system = detect_ci_system(self.streams.environ) if self.ci is CiSystem.AUTO else self.ci
        if system is not CiSystem.NONE:
            from dbjobs.output.ci import FORMATS  # late: most calls are not in a CI system

            self.streams.neutralize_ci_commands()
            self.ci_format = FORMATS[system](self.streams.environ)

    @property
    def folds(self) -> bool:
        """Whether parts of the log are collapsed: in a CI system, unless the log is for programs."""
        return self.ci_format is not None and self.has_groups and not self.streams.quiet

    @contextmanager
    def group(self, title: str, *, is_open: bool = False) -> Iterator[None]:
        """A part of the log that can be collapsed; `is_open`: it is not, at first."""
        if self.ci_format is None or not self.folds:
            yield
            return
        self.streams.ci_command(self.ci_format.begin_group(title, self.clock.now(), is_open=is_open))
        try:
            yield
        finally:
            self.streams.ci_command(self.ci_format.end_group(self.clock.now()))

    def begin(self, run_ids: Sequence[int]) -> None:
        """The ids at once, so that a later step can find the runs whatever happens to this one."""
        if self.ci_format and run_ids:
            ids = {"run_id": str(run_ids[0])}
            if len(run_ids) > 1:
                ids["run_ids"] = " ".join(map(str, run_ids))
            with self._errors_as_warnings("the values for later steps"):
                self._deliver(self.ci_format.set_values(ids))

    def show_progress(self, snapshot: Snapshot) -> None:
        """How far the runs are, as far as past runs show it; each percent once."""
        if self.ci_format is None or not self.has_groups or self.streams.quiet or not snapshot.forecasts:
            return
        from dbjobs.output.expectations import expected_end, format_left, share_done  # late: as above

        share = share_done(snapshot)
        if share is None or (percent := min(99, int(100 * share))) <= self._percent:
            return
        self._percent = percent
        expected = expected_end(snapshot, snapshot.runs[0]) if snapshot.is_of_one else None
        if line := self.ci_format.show_progress(percent, format_left(expected) if expected else ""):
            self.streams.ci_command(line)

    def end(self, snapshot: Snapshot, note: str = "", *, may_ask: bool = True, is_final: bool = True) -> None:
        """Report the runs as last seen.

        `note` says why the wait ended before they did. `may_ask`: there is time to fetch why
        tasks failed. A report that is not `is_final` is replaced by a later one.
        """
        if not snapshot.runs and not self._not_started:
            return
        if self.ci_format or self.files or self.trace_target:
            with self._errors_as_warnings("the reports"):
                report = self.make_report(snapshot, note, may_ask=may_ask)
                for file, form in self.files:
                    with self._errors_as_warnings(str(file)):
                        self.write_report(report, file, form)
                if report.runs:
                    self.report_to_ci(report, may_ask=may_ask, is_final=is_final)
                if report.runs and self.trace_target:
                    with self._errors_as_warnings("the trace"):
                        self._trace(self.trace_target, report, may_ask=may_ask, is_final=is_final)
        if is_final and self.notify_url and not self._has_notified:
            self._has_notified = True  # a signal from now on does not send it again
            with self._errors_as_warnings("the notification"):
                from dbjobs.output.notifications import send_notification

                send_notification(
                    self.notify_url,
                    snapshot,
                    note,
                    self._not_started,
                    self.streams,
                    self.clock,
                    may_wait=may_ask,
                )

    def _trace(self, target: str, report: "Report", *, may_ask: bool, is_final: bool) -> None:
        """Write the runs as a trace, or send them once: a collector cannot take anything back."""
        from dbjobs.output.trace import add_histories, is_collector, render_trace, send_trace

        if is_collector(target) and (self._has_traced or not is_final):
            return
        if may_ask:
            report = add_histories(report, self.failures.api)
        data = self.streams.censor(render_trace(report, self.streams.environ)).encode(errors="replace")
        if is_collector(target):
            self._has_traced = True  # a signal from now on does not send it again
            send_trace(target, data, self.streams, self.clock, may_wait=may_ask)
        else:
            from dbjobs.common.files import write_whole

            write_whole(Path(target), data, overwrite=True)

    @property
    def _not_started(self) -> Mapping[str, str]:
        """The parameter sets of a backfill that have no run, and why."""
        return self.pending_starts.not_started if self.pending_starts else {}

    def make_report(self, snapshot: Snapshot, note: str = "", *, may_ask: bool = True) -> "Report":
        """The runs with the errors of their failed tasks, as far as these can be fetched."""
        from dbjobs.output.repairs import describe_repairs
        from dbjobs.output.reports.model import Report, ReportedRun

        most = MAX_GROUPED if self.pending_starts else MAX_OUTPUTS
        left = most if may_ask else 0
        runs = []
        for watched in snapshot.runs:
            failures = self.failures.read_all(watched.run, left) if watched.run else {}
            left = max(0, left - len(failures))
            error = watched.error.message if watched.error else ""
            repairs = tuple(describe_repairs(watched))
            run, parts = watched.run, {}
            if run and may_ask and snapshot.is_of_one:
                run = self.failures.with_repairs(run)
                parts = {task.run_id: self.failures.read_parts(task) for task in run.tasks if task.run_id}
            runs.append(ReportedRun(watched.run_id, run, failures, watched.label, error, repairs, parts))
        sets = self.pending_starts.sets.labels if self.pending_starts else ()
        return Report(tuple(runs), self.clock.now(), note, self._not_started, sets)

    def write_report(self, report: "Report", file: Path, form: str) -> None:
        """Write the whole file or nothing; a UsageError if it cannot be written."""
        from dbjobs.common.files import write_whole
        from dbjobs.output.reports import render_report

        text = self.streams.censor(render_report(report, form))
        write_whole(file, text.encode(errors="replace"), overwrite=True)

    def report_to_ci(self, report: "Report", *, may_ask: bool = True, is_final: bool = True) -> None:
        """Values, a summary and annotations, if this is a step of a CI system."""
        if (ci_format := self.ci_format) is None:
            return
        from dbjobs.output.ci import Summary
        from dbjobs.output.reports.annotations import annotations_of, headline_of, values_of
        from dbjobs.output.reports.markdown import render_markdown

        with self._errors_as_warnings("the values for later steps"):
            results = self._read_results(report.worst_run) if may_ask else {}
            values = values_of(report)
            if results:
                values["task_results"] = self._compose_results(results, ci_format.max_results)
            self._deliver(ci_format.set_values(values))
        with self._errors_as_warnings("the summary"):
            page = render_markdown(report, with_gantt=ci_format.draws_mermaid)
            name = f"dbjobs-{report.runs[0].run_id}"
            summary = ci_format.summarize(Summary(page, headline_of(report), name, report.is_good))
            if is_final or not summary.lines:  # a line cannot be taken back
                self._deliver(summary)
        for level, title, message in annotations_of(report, is_strict=self.is_strict):
            line = ci_format.annotate(level, title, message) if is_final else ""
            if line:
                self.streams.ci_command(line)

    def _read_results(self, run: "ReportedRun") -> dict[str, str | None]:
        """What notebooks returned by `dbutils.notebook.exit`; None where the API gives its beginning only."""
        tasks = [task for task in (run.run.output_runs if run.run else ()) if task.is_ended]
        results: dict[str, str | None] = {}
        for task in [task for task in tasks if _is_notebook(task)][:MAX_OUTPUTS]:
            output = (self.failures.fetch(task) or {}).get("notebook_output") or {}
            if output.get("result"):
                is_whole = not output.get("truncated")
                results[task.task_key] = self.streams.censor(str(output["result"])) if is_whole else None
        return results

    def _compose_results(self, results: dict[str, str | None], max_bytes: int) -> str:
        """The results as a JSON object; those that do not fit are left out, and a note names them."""
        from dbjobs.output.ci.format import compose_results

        text, left_out = compose_results(results, max_bytes)
        if left_out:
            names = ", ".join(left_out)
            self.streams.note(f"task_results leaves out {names}: later steps get up to {max_bytes:,} bytes")
        return text

    def _deliver(self, output: "CiOutput") -> None:
        for file in output.files:
            text = self.streams.censor(file.text).encode(errors="replace")
            if not file.is_appended or (file.path.exists() and not file.path.is_file()):  # such as a pipe
                from dbjobs.common.files import write_whole

                write_whole(file.path, text, overwrite=True)
                continue
            with file.path.open("ab") as stream:
                offset = self._appended_at.setdefault(file.path, stream.tell())
                stream.truncate(offset)  # what was written about the same runs earlier
                stream.write(text)
        for line in output.lines:
            self.streams.ci_command(line)
        for program in output.programs:
            self._run(program)

    def _run(self, program: "Program") -> None:
        import subprocess

        name = " ".join(program.arguments[:2])
        try:
            done = subprocess.run(  # noqa: S603 - the program of the CI system, with arguments of ours
                program.arguments,
                input=self.streams.censor(program.stdin).encode(errors="replace"),
                capture_output=True,
                timeout=PROGRAM_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise OSError(f"{name} did not end within {PROGRAM_SECONDS:.0f} s") from None
        if done.returncode:
            reason = done.stderr.decode(errors="replace").strip()[-500:]
            raise OSError(f"{name} ended with exit code {done.returncode}: {reason}")

    @contextmanager
    def _errors_as_warnings(self, what: str) -> Iterator[None]:
        try:
            yield
        except (DbjobsError, OSError) as error:
            cause = error.message if isinstance(error, DbjobsError) else error.strerror or error
            self.streams.warn(f"{what} could not be written: {cause}")
        except Exception as error:  # even a bug must not change how a wait ends
            self.streams.warn(f"{what} could not be made: {type(error).__name__}: {error}")


def _is_notebook(task: "TaskRun") -> bool:
    """A run of API 2.0 has its task one level deeper."""
    return any(fields.get("notebook_task") for fields in (task.payload, task.payload.get("task") or {}))


def report_files(junit: str | None, report: Sequence[str] | None) -> list[tuple[Path, str]]:
    """The files that the options name, each with its form."""
    files = [(Path(junit), ".xml")] if junit else []
    return files + [(Path(name), Path(name).suffix.lower()) for name in report or ()]
