"""What a wait leaves for pipelines: words to the CI system, and report files.

Nothing of it may change how a wait ends: whatever goes wrong here is a warning.
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
from dbjobs.runs.outputs import OutputCache
from dbjobs.runs.watching import PendingStarts, Snapshot, WatchedRun

if TYPE_CHECKING:
    from dbjobs.output.ci import CiFormat, CiOutput, FileText
    from dbjobs.output.reports.model import Report, ReportedRun

MOST_OUTPUTS = 50
"""Outputs that are read for the reports of one wait; each is a request."""


@dataclass
class Reporter:
    """Reports runs to the CI system and to files."""

    streams: Streams
    clock: Clock
    outputs: OutputCache
    ci: CiSystem
    files: Sequence[tuple[Path, str]] = ()
    """the files to write, each with its form"""
    pending_starts: PendingStarts | None = None
    """the runs that a backfill still has to start"""
    is_strict: bool = False
    """SUCCESS_WITH_FAILURES counts as a failure"""
    has_groups: bool = True
    """the log of the CI system is for people, so parts of it are folded"""
    _appended_at: dict[Path, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pipeline = _choose_pipeline(self.ci, self.streams)

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """A part of the log that can be folded; what is for programs stays as it is."""
        if self.pipeline is None or not self.has_groups or self.streams.quiet:
            yield
            return
        self.streams.command(self.pipeline.begin_group(title, self.clock.now()))
        try:
            yield
        finally:
            self.streams.command(self.pipeline.end_group(self.clock.now()))

    def begin(self, run_ids: Sequence[int]) -> None:
        """The ids at once, so that a later step can find the runs whatever becomes of this one."""
        if self.pipeline and run_ids:
            with self._mere_warnings("the values for later steps"):
                self._deliver(self.pipeline.set_values(_ids(run_ids)))

    def end(self, snapshot: Snapshot, note: str = "", *, may_ask: bool = True, is_final: bool = True) -> None:
        """All that is to be told of the runs as last seen.

        `note` says why the wait ended before they did. `may_ask`: there is time for asking why
        tasks failed. Unless it `is_final`, it is told again, and what is said of it then counts.
        """
        if not snapshot.runs or not (self.pipeline or self.files):
            return
        with self._mere_warnings("the reports"):
            report = self.make_report(snapshot, note, may_ask=may_ask)
            for file, form in self.files:
                with self._mere_warnings(str(file)):
                    self.write_report(report, file, form)
            self.report_to_ci(report, is_final=is_final)

    def make_report(self, snapshot: Snapshot, note: str = "", *, may_ask: bool = True) -> "Report":
        """The runs with the errors of their failed tasks, as far as these can be had."""
        from dbjobs.output.reports.model import Report

        left = MOST_OUTPUTS if may_ask else 0
        runs = []
        for watched in snapshot.runs:
            outputs = self.outputs.fetch_failed(watched.run, left) if watched.run else {}
            left = max(0, left - len(outputs))
            runs.append(_reported(watched, outputs))
        not_started = self.pending_starts.not_started if self.pending_starts else {}
        return Report(tuple(runs), self.clock.now(), note, not_started)

    def write_report(self, report: "Report", file: Path, form: str) -> None:
        """Whole or not at all; a UsageError if it cannot be."""
        from dbjobs.common.files import write_whole
        from dbjobs.output.reports import render_report

        text = self.streams.censor(render_report(report, form))
        write_whole(file, text.encode(errors="replace"), overwrite=True)

    def report_to_ci(self, report: "Report", *, is_final: bool = True) -> None:
        """Values, a summary, annotations, if there is a CI system to tell."""
        if (pipeline := self.pipeline) is None:
            return
        from dbjobs.output.reports.annotations import annotations_of, values_of
        from dbjobs.output.reports.markdown import render_markdown

        self._deliver(pipeline.set_values(values_of(report)))
        page = render_markdown(report, with_gantt=pipeline.draws_mermaid)
        summary = pipeline.summarize(page, f"dbjobs-{report.runs[0].run_id}")
        if is_final or not summary.lines:  # a line that was said cannot be taken back
            self._deliver(summary)
        for level, title, message in annotations_of(report, is_strict=self.is_strict):
            line = pipeline.annotate(level, title, message) if is_final else ""
            if line:
                self.streams.command(line)

    def _deliver(self, delivery: "CiOutput") -> None:
        for file in delivery.files:
            self._write(file)
        for line in delivery.lines:
            self.streams.command(line)

    def _write(self, file: "FileText") -> None:
        text = self.streams.censor(file.text).encode(errors="replace")
        if not file.is_appended or (file.path.exists() and not file.path.is_file()):  # a device has no end
            from dbjobs.common.files import write_whole

            write_whole(file.path, text, overwrite=True)
            return
        with file.path.open("ab") as stream:
            place = self._appended_at.setdefault(file.path, stream.tell())
            stream.truncate(place)  # what was told earlier of the same runs
            stream.write(text)

    @contextmanager
    def _mere_warnings(self, what: str) -> Iterator[None]:
        try:
            yield
        except (DbjobsError, OSError) as error:
            cause = error.message if isinstance(error, DbjobsError) else error.strerror or error
            self.streams.warn(f"{what} could not be written: {cause}")
        except Exception as error:  # even a fault of ours has no say in how a wait ends
            self.streams.warn(f"{what} could not be made: {type(error).__name__}: {error}")


def _choose_pipeline(ci: CiSystem, streams: Streams) -> "CiFormat | None":
    """Nothing is loaded where there is no CI system."""
    system = detect_ci_system(streams.environ) if ci is CiSystem.AUTO else ci
    if system is CiSystem.NONE:
        return None
    from dbjobs.output.ci import FORMATS

    streams.guard()
    return FORMATS[system](streams.environ)


def report_files(junit: str | None, report: Sequence[str] | None) -> list[tuple[Path, str]]:
    """The files that the options name, each with its form."""
    files = [(Path(junit), ".xml")] if junit else []
    return files + [(Path(name), Path(name).suffix.lower()) for name in report or ()]


def _reported(watched: WatchedRun, outputs: Mapping[int, dict[str, object]]) -> "ReportedRun":
    from dbjobs.output.reports.model import ReportedRun

    error = watched.error.message if watched.error else ""
    return ReportedRun(watched.run_id, watched.run, outputs, watched.label, error)


def _ids(run_ids: Sequence[int]) -> dict[str, str]:
    ids = " ".join(map(str, run_ids))
    return {"run_id": str(run_ids[0])} | ({"run_ids": ids} if len(run_ids) > 1 else {})
