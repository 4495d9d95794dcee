"""GitLab CI: sections of the log, and a dotenv file for later jobs.

Sources: https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections,
https://docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportsdotenv
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dbjobs.output.ci.format import CiOutput, FileText, Level, file_at, plain_line, plain_title

DOTENV = "dbjobs.env"
"""In the project's folder: `artifacts: reports: dotenv: dbjobs.env` hands it to later jobs."""

DOTENV_BYTES = 5000
"""GitLab refuses a larger file, and with it the whole job's artifacts."""


@dataclass(frozen=True)
class GitLab:
    """Sections by escape sequences; there are no annotations, and no summaries."""

    environ: Mapping[str, str]
    draws_mermaid: bool = True
    _open: list[str] = field(default_factory=list)

    def begin_group(self, title: str, now: float) -> str:
        self._open.append(f"dbjobs_{int(now)}_{len(self._open)}")
        return (
            f"\x1b[0Ksection_start:{int(now)}:{self._open[-1]}[collapsed=true]\r\x1b[0K{plain_title(title)}"
        )

    def end_group(self, now: float) -> str:
        return f"\x1b[0Ksection_end:{int(now)}:{self._open.pop()}\r\x1b[0K"

    def show_progress(self, percent: int, text: str) -> str:
        return ""

    def annotate(self, level: Level, title: str, message: str) -> str:
        return ""

    def set_values(self, values: Mapping[str, str]) -> CiOutput:
        """Names as environment variables have them, for that is what becomes of them."""
        text = ""
        for name, value in values.items():
            line = f"DBJOBS_{name.upper()}={plain_line(value)}\n"
            text += line if len((text + line).encode()) <= DOTENV_BYTES else ""
        folder = file_at(self.environ, "CI_PROJECT_DIR") or Path()
        return CiOutput((FileText(folder / DOTENV, text),))

    def summarize(self, markdown: str, name: str) -> CiOutput:
        return CiOutput()
