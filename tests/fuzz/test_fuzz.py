"""The fuzzer's short form, and the fuzzer itself: no lie passes it.

`make fuzz` runs thousands of sequences; see `tests/fuzz`.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.fuzz.oracle import problems
from tests.fuzz.runner import Runner
from tests.fuzz.sequences import KINDS, Sequence, make_sequence

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of a process with threads


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    runner = Runner()
    yield runner
    runner.close()


@pytest.mark.parametrize("first", range(0, 200, 25), ids=lambda first: f"seeds from {first}")
def test_no_sequence_of_faults_makes_a_command_lie(runner: Runner, first: int) -> None:
    for seed in range(first, first + 25):
        sequence = make_sequence(seed)
        seen = runner.run(sequence)
        again = f"python -m tests.fuzz --seed {seed}"
        assert problems(sequence, seen) == [], f"{again}\n{sequence.description}\n{seen.told}"


def calm(seed: int, kind: str) -> Sequence:
    """A sequence in which nothing goes wrong."""
    sequence = make_sequence(seed, kind)
    sequence = replace(sequence, reads=(), changes=(), signal=None, invisible_for=0.0)
    return replace(sequence, stdin="pipe", stdout="pipe", stderr="pipe")


@pytest.mark.parametrize("kind", KINDS)
def test_without_faults_the_model_and_dbjobs_agree(runner: Runner, kind: str) -> None:
    for seed in range(3):
        sequence = calm(seed, kind)
        seen = runner.run(sequence)
        assert problems(sequence, seen) == [], f"{sequence.description}\n{seen.told}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_false_exit_code_is_noticed(runner: Runner, kind: str) -> None:
    sequence = calm(0, kind)
    seen = runner.run(sequence)
    for code in {0, 1, 3, 4, 5, 6, 10, 12, 14, 120, 124, 130} - {seen.exit_code}:
        assert problems(sequence, replace(seen, exit_code=code)), f"{code}: {sequence.description}"


def test_what_is_concealed_is_noticed(runner: Runner) -> None:
    sequence = calm(0, "runs now")
    seen = runner.run(sequence)
    assert problems(sequence, replace(seen, stdout="", stderr=""))
