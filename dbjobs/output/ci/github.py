"""GitHub Actions: https://docs.github.com/actions/reference/workflow-commands-for-github-actions"""

from collections.abc import Mapping
from dataclasses import dataclass

from dbjobs.output.ci.format import (
    CiOutput,
    FileText,
    Level,
    Summary,
    file_at,
    plain_text,
    plain_title,
    plain_value,
)


@dataclass(frozen=True)
class GitHub:
    """Commands on lines of their own, and files that the runner names."""

    environ: Mapping[str, str]
    draws_mermaid: bool = True
    max_results: int = 30_000

    def begin_group(self, title: str, now: float, *, is_open: bool = False) -> str:
        return f"::group::{_data(plain_title(title))}"

    def end_group(self, now: float) -> str:
        return "::endgroup::"

    def show_progress(self, percent: int, text: str) -> str:
        return ""

    def annotate(self, level: Level, title: str, message: str) -> str:
        return f"::{level.value} title={_property(plain_title(title))}::{_data(plain_text(message))}"

    def set_values(self, values: Mapping[str, str]) -> CiOutput:
        """`name=value` lines: a value is one line, so it cannot end and begin another."""
        path = file_at(self.environ, "GITHUB_OUTPUT")
        text = "".join(f"{name}={plain_value(value)}\n" for name, value in values.items())
        return CiOutput((FileText(path, text, is_appended=True),) if path else ())

    def summarize(self, summary: Summary) -> CiOutput:
        path = file_at(self.environ, "GITHUB_STEP_SUMMARY")
        return CiOutput((FileText(path, summary.markdown, is_appended=True),) if path else ())


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
