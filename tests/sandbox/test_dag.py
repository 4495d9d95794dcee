"""Which task may run, and what a run comes to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.sandbox import dag

LETTERS = {
    "S": "SUCCESS",
    "F": "FAILED",
    "T": "TIMEDOUT",
    "C": "CANCELED",
    "X": "EXCLUDED",
    "D": "DISABLED",
    "u": "UPSTREAM_FAILED",
    "c": "UPSTREAM_CANCELED",
    "i": "INTERNAL_ERROR",
    "-": None,
}
ENDED = [letter for letter in LETTERS if letter != "-"]


def spell(letters: str) -> list[str | None]:
    return [LETTERS[letter] for letter in letters]


@pytest.mark.parametrize(
    ("run_if", "dependencies", "decision"),
    [
        ("ALL_SUCCESS", "", "RUN"),
        ("ALL_SUCCESS", "SS", "RUN"),
        ("ALL_SUCCESS", "S-", "WAIT"),
        ("ALL_SUCCESS", "F-", "WAIT"),
        ("ALL_SUCCESS", "SF", "UPSTREAM_FAILED"),
        ("ALL_SUCCESS", "Su", "UPSTREAM_FAILED"),
        ("ALL_SUCCESS", "Si", "UPSTREAM_FAILED"),
        ("ALL_SUCCESS", "ST", "UPSTREAM_FAILED"),
        ("ALL_SUCCESS", "SC", "UPSTREAM_CANCELED"),
        ("ALL_SUCCESS", "Sc", "UPSTREAM_CANCELED"),
        ("ALL_SUCCESS", "FC", "UPSTREAM_FAILED"),
        ("ALL_SUCCESS", "SX", "EXCLUDED"),
        ("ALL_SUCCESS", "SD", "RUN"),
        ("ALL_SUCCESS", "DD", "RUN"),
        ("ALL_DONE", "SFXC", "RUN"),
        ("ALL_DONE", "SF-", "WAIT"),
        ("ALL_DONE", "XX", "EXCLUDED"),
        ("AT_LEAST_ONE_SUCCESS", "SF", "RUN"),
        ("AT_LEAST_ONE_SUCCESS", "FF", "UPSTREAM_FAILED"),
        ("AT_LEAST_ONE_SUCCESS", "CC", "UPSTREAM_CANCELED"),
        ("AT_LEAST_ONE_SUCCESS", "XF", "UPSTREAM_FAILED"),
        ("NONE_FAILED", "SX", "RUN"),
        ("NONE_FAILED", "SF", "UPSTREAM_FAILED"),
        ("NONE_FAILED", "XX", "EXCLUDED"),
        ("ALL_FAILED", "FT", "RUN"),
        ("ALL_FAILED", "Fu", "RUN"),
        ("ALL_FAILED", "FS", "EXCLUDED"),
        ("AT_LEAST_ONE_FAILED", "FS", "RUN"),
        ("AT_LEAST_ONE_FAILED", "CS", "RUN"),
        ("AT_LEAST_ONE_FAILED", "SS", "EXCLUDED"),
        ("AT_LEAST_ONE_FAILED", "SX", "EXCLUDED"),
    ],
)
def test_a_task_runs_by_its_run_if(run_if: str, dependencies: str, decision: str) -> None:
    assert dag.decide(run_if, spell(dependencies)) == decision


letters = st.text(alphabet=ENDED, max_size=5)
run_ifs = st.sampled_from(dag.RUN_IF)


@given(run_ifs, st.text(alphabet=list(LETTERS), max_size=5))
def test_a_task_waits_exactly_while_a_dependency_has_not_ended(run_if: str, dependencies: str) -> None:
    assert (dag.decide(run_if, spell(dependencies)) == "WAIT") == ("-" in dependencies)


@given(run_ifs, letters.flatmap(lambda text: st.tuples(st.just(text), st.permutations(text))))
def test_the_order_of_dependencies_does_not_matter(run_if: str, orders: tuple[str, list[str]]) -> None:
    assert dag.decide(run_if, spell(orders[0])) == dag.decide(run_if, spell("".join(orders[1])))


@given(run_ifs, letters)
def test_a_disabled_dependency_is_as_if_it_were_not_there(run_if: str, dependencies: str) -> None:
    assert dag.decide(run_if, spell(dependencies + "D")) == dag.decide(run_if, spell(dependencies))


@given(run_ifs, letters)
def test_a_task_that_does_not_run_says_why(run_if: str, dependencies: str) -> None:
    decision = dag.decide(run_if, spell(dependencies))
    assert decision in {"RUN", "EXCLUDED", "UPSTREAM_FAILED", "UPSTREAM_CANCELED"}
    if decision == "UPSTREAM_FAILED":
        assert set(dependencies) & set("FTui")
    if decision == "UPSTREAM_CANCELED":
        assert set(dependencies) & set("Cc")


@given(letters)
def test_opposite_conditions_never_both_hold(dependencies: str) -> None:
    runs = {run_if for run_if in dag.RUN_IF if dag.decide(run_if, spell(dependencies)) == "RUN"}
    if set(dependencies) - {"D"}:
        assert not {"ALL_SUCCESS", "AT_LEAST_ONE_FAILED"} <= runs
        assert not {"AT_LEAST_ONE_SUCCESS", "ALL_FAILED"} <= runs
        assert not {"NONE_FAILED", "AT_LEAST_ONE_FAILED"} <= runs


CHAIN = {"a": [], "b": ["a"], "c": ["b"]}
FORK = {"a": [], "b": ["a"], "c": ["a"]}


@pytest.mark.parametrize(
    ("depends", "ended", "result"),
    [
        (CHAIN, "SSS", "SUCCESS"),
        (CHAIN, "SXX", "SUCCESS"),
        (CHAIN, "SSF", "FAILED"),
        (CHAIN, "Fuu", "FAILED"),
        (CHAIN, "FSS", "SUCCESS_WITH_FAILURES"),
        (CHAIN, "FXS", "SUCCESS_WITH_FAILURES"),
        (CHAIN, "Tuu", "TIMEDOUT"),
        (CHAIN, "Ccc", "CANCELED"),
        (CHAIN, "iuu", "INTERNAL_ERROR"),
        (FORK, "SSF", "FAILED"),
        (FORK, "SFT", "FAILED"),
        (FORK, "SFi", "INTERNAL_ERROR"),
        (FORK, "SSX", "SUCCESS"),
        (FORK, "SSD", "SUCCESS"),
    ],
)
def test_the_leaves_decide_what_a_run_comes_to(
    depends: dict[str, list[str]], ended: str, result: str
) -> None:
    results = {key: LETTERS[letter] or "" for key, letter in zip(depends, ended, strict=True)}
    assert dag.run_result(results, depends) == result


@pytest.mark.parametrize(
    ("depends", "cycle"),
    [
        (CHAIN, []),
        ({"a": ["a"]}, ["a"]),
        ({"a": ["b"], "b": ["a"], "c": []}, ["a", "b"]),
        ({"a": ["c"], "b": ["a"], "c": ["b"], "d": ["c"]}, ["a", "b", "c", "d"]),
    ],
)
def test_a_cycle_is_found(depends: dict[str, list[str]], cycle: list[str]) -> None:
    assert dag.find_cycle(depends) == cycle


@pytest.mark.parametrize(
    ("only", "selected"),
    [(["b"], "b"), (["+b"], "ab"), (["b+"], "bc"), (["+b+"], "abc"), (["a", "c"], "ac")],
)
def test_only_selects_tasks_with_their_neighbours(only: list[str], selected: str) -> None:
    assert dag.select(only, CHAIN) == set(selected)
