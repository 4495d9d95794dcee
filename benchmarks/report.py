"""docs/performance.md: what was measured, as tables, and which bars were met."""

import os
import platform
import resource
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.environments import REPOSITORY, versions
from benchmarks.measuring import Series, format_seconds, megabytes

PAGE = REPOSITORY / "docs" / "performance.md"
HEAD = """# Performance

What dbjobs exists for, in numbers, against what people would use instead. `make bench` measures all of it
anew and writes this page; it takes about {minutes} minutes. The alternatives are installed from PyPI, each in
an environment of its own; all of them ask one server on the same machine, whose answers are prepared, so that
what is measured is the client. Commands are run in turn, several rounds; figures are medians. Compare ratios,
not milliseconds: those are one machine's, on one day. Less memory than the measuring process itself has,
{floor:.0f} MB, cannot be seen.
"""


@dataclass(frozen=True)
class Bar:
    """A ratio that has to be kept."""

    what: str
    value: float
    limit: float
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def row(self) -> list[str]:
        bound = "at least" if self.at_least else "at most"
        return [
            self.what,
            f"{bound} {self.limit}",
            f"{self.value:.2f}",
            "met" if self.is_met else "**not met**",
        ]


@dataclass
class Section:
    """One subject: its tables with what has to be said of them, and its bars."""

    title: str
    parts: list[str] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.parts.append(text)

    def table(self, titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        self.parts.append(table(titles, rows))

    def processes(self, series: dict[str, Series]) -> None:
        """Whole processes, the usual figures."""
        titles = ("command", "wall", "fastest to slowest", "processor", "peak memory")
        rows = [
            (name, format_seconds(one.wall), one.spread, format_seconds(one.cpu), f"{one.peak:.0f} MB")
            for name, one in series.items()
        ]
        self.table(titles, rows)


def table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def write(sections: Sequence[Section], rounds: int, minutes: float) -> None:
    """The whole page."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bars = [bar.row() for section in sections for bar in section.bars]
    parts = [
        HEAD.format(minutes=max(1, round(minutes)), floor=megabytes(own)),
        "## The bars",
        table(("ratio of medians", "bar", "measured", ""), bars),
    ]
    for section in sections:
        parts += [f"## {section.title}", *section.parts]
    parts += ["## What was measured, and where", _where(rounds)]
    PAGE.write_text("\n\n".join(part.strip() for part in parts) + "\n", "utf-8")


def _where(rounds: int) -> str:
    machine = f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} processors"
    repeat = f"`make bench`, or `make bench ROUNDS=N`; this page: {rounds} rounds"
    return "\n".join(f"- {line}" for line in (*versions(), machine, repeat, "lists in pages of 25 rows"))


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
