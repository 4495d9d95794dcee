"""Why a run failed, held against failures whose causes are known."""

import pytest

from dbjobs.api.shapes import ANSWERS, check_shape
from dbjobs.api.states import TERMINATION_CODES
from tests.support.failures import FAILURES
from tests.support.failures.case import FailureCase


@pytest.mark.parametrize("case", FAILURES, ids=lambda case: case.name)
def test_the_labelled_failures_are_answers_of_the_api(case: FailureCase) -> None:
    for run in case.runs.values():
        check_shape(run, ANSWERS["runs/get"])
    for output in case.outputs.values():
        check_shape(output or {}, ANSWERS["runs/get-output"])


def test_every_code_of_a_run_that_did_not_succeed_is_among_them() -> None:
    found = {
        (holder.get("status") or {}).get("termination_details", {}).get("code")
        for case in FAILURES
        for run in case.runs.values()
        for holder in (run, *run.get("tasks", ()))
    }
    assert set(TERMINATION_CODES) <= found
