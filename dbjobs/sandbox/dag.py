"""Which task may run, and the result of a run: pure functions over results.

Sources: the enum texts of `RunIf` and `RunResultState` in the official SDKs, and "Configure task
dependencies" (docs.databricks.com/jobs/run-if) for what an unmet condition makes of a task. Where these leave
a question open, the function that answers it says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SUCCESS = "SUCCESS"
FAILED = "FAILED"
TIMEDOUT = "TIMEDOUT"
CANCELED = "CANCELED"
EXCLUDED = "EXCLUDED"
DISABLED = "DISABLED"
UPSTREAM_FAILED = "UPSTREAM_FAILED"
UPSTREAM_CANCELED = "UPSTREAM_CANCELED"
SUCCESS_WITH_FAILURES = "SUCCESS_WITH_FAILURES"
INTERNAL_ERROR = "INTERNAL_ERROR"
"""The result of a task that ended in that life_cycle_state without a result_state."""

RUN_IF = (
    "ALL_SUCCESS",
    "ALL_DONE",
    "AT_LEAST_ONE_SUCCESS",
    "NONE_FAILED",
    "ALL_FAILED",
    "AT_LEAST_ONE_FAILED",
)

_CANCELED = frozenset({CANCELED, UPSTREAM_CANCELED})
_BAD = _CANCELED | {FAILED, TIMEDOUT, UPSTREAM_FAILED, INTERNAL_ERROR}
NOT_FAILED = frozenset({SUCCESS, EXCLUDED, DISABLED})
_HANDLES_FAILURE = frozenset({"ALL_FAILED", "AT_LEAST_ONE_FAILED"})

RUN = "RUN"
WAIT = "WAIT"


def decide(run_if: str, results: Sequence[str | None]) -> str:
    """RUN, WAIT, or the result_state of a task that will not run, from its dependencies' results.

    None is a dependency that has not ended. A disabled task is ignored. A cancelled task
    counts as failed, so that a clean-up task runs then too. Excluded tasks have not run: they keep an
    ALL_SUCCESS task from running, but they are not failures either, so it is excluded as well.
    """
    if any(result is None for result in results):
        return WAIT
    present = [result for result in results if result != DISABLED]
    if not present:
        return RUN
    if all(result == EXCLUDED for result in present):
        return EXCLUDED
    if _is_met(run_if, present):
        return RUN
    return EXCLUDED if run_if in _HANDLES_FAILURE else _blame(present)


def _is_met(run_if: str, results: Sequence[str | None]) -> bool:
    good = [result == SUCCESS for result in results]
    bad = [result in _BAD for result in results]
    return {
        "ALL_SUCCESS": all(good),
        "ALL_DONE": True,
        "AT_LEAST_ONE_SUCCESS": any(good),
        "NONE_FAILED": not any(bad),
        "ALL_FAILED": all(bad),
        "AT_LEAST_ONE_FAILED": any(bad),
    }[run_if]


def _blame(results: Iterable[str | None]) -> str:
    bad = {result for result in results if result in _BAD}
    if not bad:
        return EXCLUDED
    return UPSTREAM_CANCELED if bad <= _CANCELED else UPSTREAM_FAILED


def run_result(results: Mapping[str, str], depends: Mapping[str, Sequence[str]]) -> str:
    """The result of a run whose tasks have all ended; `depends` is each task's dependencies, by task_key.

    The leaves decide between success and failure; the most severe of all results names the failure. How a
    workspace ranks failures of several kinds is not documented; here: an internal error, FAILED, TIMEDOUT,
    CANCELED.
    """
    bad = {result for result in results.values() if result in _BAD}
    if not bad:
        return SUCCESS
    if not any(results[key] in _BAD for key in leaves(depends)):
        return SUCCESS_WITH_FAILURES
    return next((result for result in (INTERNAL_ERROR, FAILED, TIMEDOUT) if result in bad), CANCELED)


def leaves(depends: Mapping[str, Sequence[str]]) -> set[str]:
    """The tasks that no other task depends on."""
    return set(depends) - {key for keys in depends.values() for key in keys}


def first_failure(results: Mapping[str, str]) -> str | None:
    """The task to name in the run's message: the first one that failed itself."""
    return next(
        (key for key, result in results.items() if result in {FAILED, INTERNAL_ERROR, TIMEDOUT}), None
    )


def find_cycle(depends: Mapping[str, Sequence[str]]) -> list[str]:
    """The tasks that wait for each other, if any do: what remains once all others have been put in order."""
    left = {key: set(keys) for key, keys in depends.items()}
    while ready := {key for key, keys in left.items() if not keys}:
        left = {key: keys - ready for key, keys in left.items() if key not in ready}
    return sorted(left)


def closure(keys: Iterable[str], edges: Mapping[str, Sequence[str]]) -> set[str]:
    """The given tasks and all that can be reached from them."""
    found: set[str] = set()
    todo = list(keys)
    while todo:
        key = todo.pop()
        if key not in found:
            found.add(key)
            todo.extend(edges.get(key, ()))
    return found


def reverse(depends: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """From what each task depends on to what depends on it."""
    return {key: [other for other, keys in depends.items() if key in keys] for key in depends}


def select(only: Sequence[str], depends: Mapping[str, Sequence[str]]) -> set[str]:
    """The tasks that run-now's `only` names: `+KEY` includes upstream tasks, `KEY+` downstream ones."""
    chosen: set[str] = set()
    for item in only:
        key = item.strip("+")
        chosen.add(key)
        if item.startswith("+"):
            chosen |= closure([key], depends)
        if item.endswith("+"):
            chosen |= closure([key], reverse(depends))
    return chosen
