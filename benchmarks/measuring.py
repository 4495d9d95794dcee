"""Whole processes, timed from outside and in turn: A B C, A B C, …, so that a slow minute hits all alike."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Pick = Callable[["Sample"], float]


@dataclass(frozen=True)
class Command:
    """A program, what it gets to know, and the exit code that it has when all is well."""

    args: Sequence[str]
    environ: Mapping[str, str]
    exit_code: int = 0


@dataclass(frozen=True)
class Sample:
    """One run of it: seconds from start to end, seconds of processor, and megabytes at most."""

    wall: float
    cpu: float
    peak: float


@dataclass
class Series:
    """All runs of one command."""

    samples: list[Sample] = field(default_factory=list)

    @property
    def wall(self) -> float:
        return self._median(lambda sample: sample.wall)

    @property
    def cpu(self) -> float:
        return self._median(lambda sample: sample.cpu)

    @property
    def peak(self) -> float:
        return self._median(lambda sample: sample.peak)

    @property
    def spread(self) -> str:
        """The fastest and the slowest run."""
        walls = [sample.wall for sample in self.samples]
        return f"{format_seconds(min(walls))} to {format_seconds(max(walls))}"

    def _median(self, pick: Pick) -> float:
        return statistics.median(map(pick, self.samples))


def in_turn(commands: Mapping[str, Command], rounds: int) -> dict[str, Series]:
    """So many runs of each, after one that is not counted."""
    series = {name: Series() for name in commands}
    for number in range(rounds + 1):
        print(f"\r  round {number} of {rounds} ", end="", file=sys.stderr, flush=True)
        for name, command in commands.items():
            sample = run(command)
            if number:
                series[name].samples.append(sample)
    print(file=sys.stderr)
    return series


def run(command: Command) -> Sample:
    """Run it to its end, its output thrown away; peak memory is the system's own figure."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command.args, env=dict(command.environ), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.stderr.close()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != command.exit_code:
        raise SystemExit(f"{' '.join(command.args)}: exit {process.returncode}\n{complaint.decode()}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, megabytes(usage.ru_maxrss))


def first_line(command: Command) -> float:
    """Seconds until it has said something."""
    began = time.perf_counter()
    with subprocess.Popen(
        command.args, env=dict(command.environ), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout
        process.stdout.readline()
        seconds = time.perf_counter() - began
        process.terminate()
        process.stdout.read()
    return seconds


def megabytes(maxrss: int) -> float:
    """Of the system's figure, which is in bytes on macOS and in kilobytes elsewhere."""
    return maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def format_seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
