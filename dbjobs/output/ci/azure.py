"""Azure Pipelines: https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dbjobs.output.ci.format import (
    CiOutput,
    FileText,
    Level,
    Summary,
    file_at,
    plain_line,
    plain_text,
    plain_title,
    plain_value,
)

_LOOKS_ESCAPED = re.compile("%(?=3B|0D|0A|5D|AZP25)", re.IGNORECASE)
"""The agent turns these into characters. Old agents do not know %AZP25: elsewhere the sign stays."""


@dataclass(frozen=True)
class Azure:
    """Commands on lines of their own; a summary is a file that a command names."""

    environ: Mapping[str, str]
    draws_mermaid: bool = False
    max_results: int = 8000

    def begin_group(self, title: str, now: float, *, is_open: bool = False) -> str:
        return f"##[group]{plain_title(title)}"

    def end_group(self, now: float) -> str:
        return "##[endgroup]"

    def show_progress(self, percent: int, text: str) -> str:
        return f"##vso[task.setprogress value={percent};]{_data(plain_line(text))}"

    def annotate(self, level: Level, title: str, message: str) -> str:
        text = f"{plain_title(title)}: {plain_text(message)}" if message else plain_title(title)
        return f"##vso[task.logissue type={level.value}]{_data(text)}"

    def set_values(self, values: Mapping[str, str]) -> CiOutput:
        lines = [
            f"##vso[task.setvariable variable={_property(name)};isOutput=true]{_data(plain_value(value))}"
            for name, value in values.items()
        ]
        return CiOutput(lines=tuple(lines))

    def summarize(self, summary: Summary) -> CiOutput:
        """The agent uploads the file when the step has ended, and empties its folder after the job."""
        folder = file_at(self.environ, "AGENT_TEMPDIRECTORY")
        path = (folder or Path()) / f"{summary.name}.md"
        if not folder:
            return CiOutput()
        return CiOutput(
            (FileText(path, summary.markdown),), (f"##vso[task.uploadsummary]{_data(str(path))}",)
        )


def _data(text: str) -> str:
    return _LOOKS_ESCAPED.sub("%AZP25", text).replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace("]", "%5D").replace(";", "%3B")
