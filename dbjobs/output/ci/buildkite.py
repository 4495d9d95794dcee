"""Buildkite: groups of the log, an annotation on the build's page, and meta-data for later steps.

Sources: https://buildkite.com/docs/pipelines/configure/managing-log-output,
https://buildkite.com/docs/agent/cli/reference/annotate,
https://buildkite.com/docs/agent/cli/reference/meta-data
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dbjobs.output.ci.format import (
    CiOutput,
    Level,
    Program,
    Summary,
    log_annotation,
    plain_title,
    plain_value,
)

AGENT = "buildkite-agent"


@dataclass(frozen=True)
class Buildkite:
    """The log has headings only; everything else goes through the agent's program, if it is on PATH."""

    environ: Mapping[str, str]
    draws_mermaid: bool = False
    max_results: int = 8000

    def begin_group(self, title: str, now: float, *, is_open: bool = False) -> str:
        return f"{'+++' if is_open else '---'} {plain_title(title)}"

    def end_group(self, now: float) -> str:
        """A group ends where the next one begins: what follows is not to be collapsed with it."""
        return "+++ dbjobs"

    def show_progress(self, percent: int, text: str) -> str:
        return ""

    def annotate(self, level: Level, title: str, message: str) -> str:
        return log_annotation(level, title, message)

    def set_values(self, values: Mapping[str, str]) -> CiOutput:
        """Meta-data of the build, which takes no empty values."""
        set_value = (AGENT, "meta-data", "set")
        texts = {name: plain_value(value) for name, value in values.items() if value}
        return self._call_agent([Program((*set_value, f"dbjobs-{name}"), texts[name]) for name in texts])

    def summarize(self, summary: Summary) -> CiOutput:
        style = "success" if summary.is_good else "error"
        arguments = (AGENT, "annotate", "--style", style, "--context", summary.name)
        return self._call_agent([Program(arguments, summary.markdown)])

    def _call_agent(self, programs: Sequence[Program]) -> CiOutput:
        is_installed = shutil.which(AGENT, path=self.environ.get("PATH"))
        return CiOutput(programs=tuple(programs) if is_installed else ())
