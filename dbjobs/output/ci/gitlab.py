"""GitLab CI: sections of the log, and a dotenv file for later jobs.

Sources: https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections,
https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsdotenv
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from dbjobs.output.ci.format import (
    CiOutput,
    FileText,
    Level,
    Summary,
    file_at,
    log_annotation,
    plain_title,
    plain_value,
)

DOTENV = "dbjobs.env"
"""In the project's folder: `artifacts: reports: dotenv: dbjobs.env` hands it to later jobs."""

_REFERENCE = r"\$|%(?=[A-Za-z_]\w*%)"
"""What GitLab would replace by another variable: lib/expand_variables.rb in gitlab.com/gitlab-org/gitlab."""

DOTENV_BYTES = 5000
"""GitLab refuses a larger file, and with it the whole job's artifacts."""


@dataclass(frozen=True)
class GitLab:
    """Sections by escape sequences; annotations are the last lines of the log, and there are no summaries."""

    environ: Mapping[str, str]
    draws_mermaid: bool = True
    max_results: int = 3000
    _numbers: Iterator[int] = field(default_factory=count)
    _open: list[str] = field(default_factory=list)

    def begin_group(self, title: str, now: float, *, is_open: bool = False) -> str:
        self._open.append(f"dbjobs_{int(now)}_{next(self._numbers)}")
        option = "" if is_open else "[collapsed=true]"
        return f"\x1b[0Ksection_start:{int(now)}:{self._open[-1]}{option}\r\x1b[0K{plain_title(title)}"

    def end_group(self, now: float) -> str:
        return f"\x1b[0Ksection_end:{int(now)}:{self._open.pop()}\r\x1b[0K"

    def show_progress(self, percent: int, text: str) -> str:
        return ""

    def annotate(self, level: Level, title: str, message: str) -> str:
        return log_annotation(level, title, message)

    def set_values(self, values: Mapping[str, str]) -> CiOutput:
        """Names as environment variables have them, because they become variables."""
        text = ""
        for name, value in values.items():
            literal = re.sub(_REFERENCE, lambda found: f"%{ord(found[0]):02X}", plain_value(value))
            line = f"DBJOBS_{name.upper()}={literal}\n"
            text += line if len((text + line).encode()) <= DOTENV_BYTES else ""
        folder = file_at(self.environ, "CI_PROJECT_DIR") or Path()
        return CiOutput((FileText(folder / DOTENV, text),))

    def summarize(self, summary: Summary) -> CiOutput:
        return CiOutput()
