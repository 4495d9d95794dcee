"""`python -m tests.fuzz`: run sequences, say what is wrong with any, and how to see it again."""

import argparse
import os
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue

from tests.fuzz.oracle import problems
from tests.fuzz.runner import Observation, Runner, smaller
from tests.fuzz.sequences import KINDS, Sequence, make_sequence

MOST_TRIES = 150
"""Smaller sequences that are tried for one that fails."""
MOST_SHOWN = 10
MOST_LINES = 25
"""Of requests, and of each stream, the last ones."""


@dataclass
class Report:
    """What a worker found: sequences by kind, exit codes, and the failures as text."""

    kinds: Counter[str] = field(default_factory=Counter)
    codes: Counter[int] = field(default_factory=Counter)
    failures: list[tuple[int, str]] = field(default_factory=list)
    """by seed"""


def work(seeds: list[int], kind: str | None, shrink: bool, found: "SimpleQueue[Report]") -> None:
    """Run the sequences of some seeds."""
    runner, report = Runner(), Report()
    try:
        for seed in seeds:
            sequence = make_sequence(seed, kind)
            seen = runner.run(sequence)
            report.kinds[sequence.kind] += 1
            report.codes[seen.exit_code] += 1
            if problems(sequence, seen):
                text = explain(runner, sequence, seen, shrink=shrink and len(report.failures) < MOST_SHOWN)
                report.failures.append((seed, text))
    finally:
        runner.close()
        found.put(report)


def explain(runner: Runner, sequence: Sequence, seen: Observation, *, shrink: bool) -> str:
    """A failure, as small as it can be had soon; as it was first seen, if it does not come again."""
    smallest = minimise(runner, sequence) if shrink else sequence
    again = runner.run(smallest)
    if wrong := problems(smallest, again):
        sequence, seen = smallest, again
    else:
        wrong = [*problems(sequence, seen), "(not so when run again)"]
    asked = [
        f"{one.at - seen.began:8.1f}  {one.request.method} {one.request.endpoint}"
        + (f"  → {one.fault.name}" if one.fault else "")
        for one in seen.exchanges[-MOST_LINES:]
    ]
    streams = [
        f"  {name}| {line}"
        for name, text in (("out", seen.stdout), ("err", seen.stderr))
        for line in text.splitlines()[-MOST_LINES:]
    ]
    ending = f"exit code {seen.exit_code} after {seen.ended - seen.began:.1f} s of its clock"
    return "\n".join([*(f"WRONG: {one}" for one in wrong), sequence.description, ending, *asked, *streams])


def minimise(runner: Runner, sequence: Sequence) -> Sequence:
    """The least that still goes wrong in the same way."""
    first = _kinds_of(problems(sequence, runner.run(sequence)))
    tries = 0
    found = bool(first)
    while found and tries < MOST_TRIES:
        found = False
        for candidate in smaller(sequence):
            tries += 1
            if tries > MOST_TRIES:
                break
            if first & _kinds_of(problems(candidate, runner.run(candidate))):
                sequence, found = candidate, True
                break
    return sequence


def _kinds_of(wrong: list[str]) -> set[str]:
    """Problems without their numbers."""
    return {"".join(letter for letter in text if not letter.isdigit()) for text in wrong}


def main() -> int:
    """Exit code 0 if nothing is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="sequences to run")
    parser.add_argument("--seed", type=int, help="of the first sequence; alone, it is the only one")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes side by side")
    parser.add_argument("--kind", choices=KINDS, help="sequences of this kind alone")
    parser.add_argument("--no-shrink", action="store_true", help="show failures as they are")
    arguments = parser.parse_args()
    is_single = arguments.seed is not None and "--count" not in sys.argv
    count = 1 if is_single else arguments.count
    first = random.SystemRandom().randrange(10**9) if arguments.seed is None else arguments.seed
    began = time.monotonic()
    say(f"{count} sequences, seeds {first} to {first + count - 1}")
    report = run_all(
        range(first, first + count), arguments.kind, arguments.jobs, shrink=not arguments.no_shrink
    )
    for seed, text in sorted(report.failures)[:MOST_SHOWN]:
        say(f"\n--- seed {seed}: python -m tests.fuzz --seed {seed}\n{text}")
    kinds = ", ".join(f"{number} {kind}" for kind, number in report.kinds.most_common())
    codes = ", ".join(f"{code}: {number}" for code, number in sorted(report.codes.items()))
    say(f"\n{report.kinds.total()} sequences in {time.monotonic() - began:.0f} s ({kinds})")
    say(f"exit codes: {codes}")
    say(f"wrong: {len(report.failures)}" + "".join(f" {seed}" for seed, _ in sorted(report.failures)[:60]))
    return bool(report.failures or report.kinds.total() < count)


def run_all(seeds: range, kind: str | None, jobs: int, *, shrink: bool) -> Report:
    """Let several processes share the work."""
    context = get_context("fork")
    found: SimpleQueue[Report] = context.SimpleQueue()
    workers = [
        context.Process(target=work, args=([*seeds[index::jobs]], kind, shrink, found))
        for index in range(jobs)
    ]
    for worker in workers:
        worker.start()
    total = Report()
    for _ in workers:
        report = found.get()
        total.kinds += report.kinds
        total.codes += report.codes
        total.failures += report.failures
    for worker in workers:
        worker.join()
    return total


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
