"""Measure everything, and write docs/performance.md."""

import argparse
import time

from benchmarks import lists, outputs, planning, start, waiting
from benchmarks.environments import set_up, workspace
from benchmarks.report import log, write


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="of the quick commands; slow ones get a third")
    rounds = parser.parse_args().rounds
    began = time.monotonic()
    log("Setting up (once, a minute)")
    set_up()
    sections = []
    with workspace() as venvs:
        for subject in (start, waiting, planning, lists, outputs):
            log(subject.__name__)
            measured = subject.measure(venvs, rounds)
            sections += measured if isinstance(measured, list) else [measured]
    write(sections, rounds, (time.monotonic() - began) / 60)
    for bar in (bar for section in sections for bar in section.bars):
        log(f"{'met    ' if bar.is_met else 'NOT MET'} {bar.value:5.2f}  {bar.what}")


if __name__ == "__main__":
    main()
