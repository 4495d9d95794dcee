"""TeamCity: https://www.jetbrains.com/help/teamcity/service-messages.html

Service messages are read from standard output: a step that shall have them ends with `2>&1`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dbjobs.output.ci.format import (
    CiOutput,
    Level,
    Summary,
    plain_line,
    plain_text,
    plain_title,
    plain_value,
)

_ESCAPES = {"|": "||", "'": "|'", "\n": "|n", "\r": "|r", "[": "|[", "]": "|]"}


@dataclass(frozen=True)
class TeamCity:
    """Messages on lines of their own. None of them decides whether the build fails: the exit code does."""

    environ: Mapping[str, str]
    draws_mermaid: bool = False
    max_results: int = 8000
    _open: list[str] = field(default_factory=list)

    def begin_group(self, title: str, now: float, *, is_open: bool = False) -> str:
        self._open.append(plain_title(title))
        return _message("blockOpened", name=self._open[-1])

    def end_group(self, now: float) -> str:
        return _message("blockClosed", name=self._open.pop())

    def show_progress(self, percent: int, text: str) -> str:
        words = " ".join(filter(None, (f"{percent} %", plain_line(text))))
        return f"##teamcity[progressMessage '{_escape(words)}']"

    def annotate(self, level: Level, title: str, message: str) -> str:
        text = f"{plain_title(title)}: {plain_text(message)}" if message else plain_title(title)
        return _message("message", text=text, status=level.value.upper())

    def set_values(self, values: Mapping[str, str]) -> CiOutput:
        """Environment variables of the steps that follow; `%%` is a percent sign, `%name%` a reference."""
        variables = {f"env.DBJOBS_{name.upper()}": plain_value(value) for name, value in values.items()}
        lines = [
            _message("setParameter", name=name, value=value.replace("%", "%%"))
            for name, value in variables.items()
        ]
        return CiOutput(lines=tuple(lines))

    def summarize(self, summary: Summary) -> CiOutput:
        """A line in the list of builds, after the words of TeamCity itself."""
        headline = plain_title(summary.headline).replace("{", "(").replace("}", ")")
        return CiOutput(lines=(_message("buildStatus", text=f"{{build.status.text}}; {headline}"),))


def _message(kind: str, **attributes: str) -> str:
    words = "".join(f" {name}='{_escape(value)}'" for name, value in attributes.items())
    return f"##teamcity[{kind}{words}]"


def _escape(text: str) -> str:
    """`|` before what would end the value, and characters beyond ASCII as UTF-16, for any console."""
    units = text.encode("utf-16-be", "replace")
    codes = [int.from_bytes(units[index : index + 2], "big") for index in range(0, len(units), 2)]
    return "".join(_ESCAPES.get(chr(code), chr(code) if code < 128 else f"|0x{code:04X}") for code in codes)
