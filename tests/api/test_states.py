"""What each word of the Jobs API means to someone who waits: the contract, written out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.api import states
from dbjobs.api.states import Outcome, Phase, outcome_of, phase_of
from dbjobs.errors import ExitCode

LIFE_CYCLE_STATES = {
    Phase.WAITING: "QUEUED BLOCKED WAITING_FOR_RETRY",
    Phase.ACTIVE: "PENDING RUNNING TERMINATING",
    Phase.ENDED: "TERMINATED SKIPPED INTERNAL_ERROR",
}
STATUS_STATES = {
    Phase.WAITING: "BLOCKED QUEUED WAITING",
    Phase.ACTIVE: "PENDING RUNNING TERMINATING",
    Phase.ENDED: "TERMINATED",
}
RESULT_STATES = {
    Outcome.SUCCESS: "SUCCESS",
    Outcome.SUCCESS_WITH_FAILURES: "SUCCESS_WITH_FAILURES",
    Outcome.FAILED: "FAILED",
    Outcome.TIMEDOUT: "TIMEDOUT",
    Outcome.CANCELED: "CANCELED",
    Outcome.NEVER_RAN: "MAXIMUM_CONCURRENT_RUNS_REACHED",
    Outcome.UPSTREAM_FAILED: "UPSTREAM_FAILED UPSTREAM_CANCELED",
    Outcome.EXCLUDED: "EXCLUDED DISABLED EVICTED UPSTREAM_EVICTED",
}
TERMINATION_CODES = {
    Outcome.SUCCESS: "SUCCESS",
    Outcome.SUCCESS_WITH_FAILURES: "SUCCESS_WITH_FAILURES",
    Outcome.FAILED: "RUN_EXECUTION_ERROR",
    Outcome.CANCELED: "CANCELED USER_CANCELED",
    Outcome.NEVER_RAN: (
        "SKIPPED MAX_CONCURRENT_RUNS_EXCEEDED MAX_JOB_QUEUE_SIZE_EXCEEDED WORKSPACE_RUN_LIMIT_EXCEEDED"
    ),
    Outcome.EXCLUDED: "DISABLED",
    Outcome.INTERNAL_ERROR: (
        "INTERNAL_ERROR CLOUD_FAILURE CLUSTER_ERROR DRIVER_ERROR CLUSTER_REQUEST_LIMIT_EXCEEDED"
        " CLUSTER_TERMINATED_BY_USER FEATURE_DISABLED INVALID_CLUSTER_REQUEST INVALID_RUN_CONFIGURATION"
        " LIBRARY_INSTALLATION_ERROR MAX_SPARK_CONTEXTS_EXCEEDED REPOSITORY_CHECKOUT_FAILED"
        " RESOURCE_NOT_FOUND STORAGE_ACCESS_ERROR UNAUTHORIZED_ERROR BREAKING_CHANGE"
        " BUDGET_POLICY_LIMIT_EXCEEDED"
    ),
}
KNOWN_PHASES = {**states.LIFE_CYCLE_STATES, **states.STATUS_STATES}


@pytest.mark.parametrize(
    ("table", "contract"),
    [
        pytest.param(states.LIFE_CYCLE_STATES, LIFE_CYCLE_STATES, id="life_cycle_state"),
        pytest.param(states.STATUS_STATES, STATUS_STATES, id="status.state"),
        pytest.param(states.RESULT_STATES, RESULT_STATES, id="result_state"),
        pytest.param(states.TERMINATION_CODES, TERMINATION_CODES, id="termination_details.code"),
    ],
)
def test_every_state_of_the_api_has_exactly_one_meaning(
    table: dict[str, object], contract: dict[object, str]
) -> None:
    meanings = [(word, meaning) for meaning, words in contract.items() for word in words.split()]

    assert sorted(table) == sorted(word for word, _ in meanings)
    assert table == dict(meanings)


def test_the_two_vocabularies_of_life_cycles_agree_where_they_share_a_word() -> None:
    shared = states.LIFE_CYCLE_STATES.keys() & states.STATUS_STATES.keys()

    assert {word: states.LIFE_CYCLE_STATES[word] for word in shared} == {
        word: states.STATUS_STATES[word] for word in shared
    }


RESULTS = {
    "SUCCESS": 0,
    "SUCCESS_WITH_FAILURES": 0,
    "FAILED": 10,
    "TIMEDOUT": 11,
    "CANCELED": 12,
    "MAXIMUM_CONCURRENT_RUNS_REACHED": 13,
    "UPSTREAM_FAILED": 15,
    "UPSTREAM_CANCELED": 15,
    "EXCLUDED": 16,
    "DISABLED": 16,
    "EVICTED": 16,
    "UPSTREAM_EVICTED": 16,
    "A_RESULT_OF_TOMORROW": 19,
}


@pytest.mark.parametrize("life_cycle_state", ["TERMINATED", "SKIPPED", "INTERNAL_ERROR"])
@pytest.mark.parametrize(("result_state", "code"), RESULTS.items())
def test_the_result_state_decides_whatever_else_is_told(
    life_cycle_state: str, result_state: str, code: int
) -> None:
    for termination_code in (None, "SUCCESS", "INTERNAL_ERROR", "USER_CANCELED"):
        outcome = outcome_of(life_cycle_state, result_state, termination_code)
        assert outcome is not None
        assert outcome.exit_code() == code


@pytest.mark.parametrize(
    ("life_cycle_state", "termination_code", "code"),
    [
        ("TERMINATED", "SUCCESS", 0),
        ("TERMINATED", "SUCCESS_WITH_FAILURES", 0),
        ("TERMINATED", "RUN_EXECUTION_ERROR", 10),
        ("INTERNAL_ERROR", "RUN_EXECUTION_ERROR", 10),
        ("TERMINATED", "USER_CANCELED", 12),
        ("TERMINATED", "CANCELED", 12),
        ("TERMINATED", "SKIPPED", 13),
        ("TERMINATED", "MAX_JOB_QUEUE_SIZE_EXCEEDED", 13),
        ("TERMINATED", "CLUSTER_ERROR", 14),
        ("TERMINATED", "DISABLED", 16),
        ("TERMINATED", None, 19),
        ("TERMINATED", "A_CODE_OF_TOMORROW", 19),
        ("SKIPPED", None, 13),
        ("SKIPPED", "A_CODE_OF_TOMORROW", 13),
        ("INTERNAL_ERROR", None, 14),
        ("INTERNAL_ERROR", "A_CODE_OF_TOMORROW", 14),
    ],
)
def test_without_a_result_state_the_termination_code_decides_and_then_the_life_cycle(
    life_cycle_state: str, termination_code: str | None, code: int
) -> None:
    outcome = outcome_of(life_cycle_state, None, termination_code)

    assert outcome is not None
    assert outcome.exit_code() == code


def test_strict_makes_a_failure_of_failed_tasks_and_of_nothing_else() -> None:
    differing = [
        outcome for outcome in Outcome if outcome.exit_code(strict=True) != outcome.exit_code(strict=False)
    ]

    assert differing == [Outcome.SUCCESS_WITH_FAILURES]
    assert Outcome.SUCCESS_WITH_FAILURES.exit_code(strict=True) == 17


def test_the_gravest_of_several_runs_is_found_in_the_order_of_the_contract() -> None:
    ordered = sorted(Outcome, key=states.SEVERITY.__getitem__)

    codes = [outcome.exit_code(strict=True) for outcome in ordered]
    assert codes == [14, 10, 11, 15, 12, 19, 13, 16, 17, 0]


def test_the_exit_codes_are_those_of_the_contract() -> None:
    contract = {0, 1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 15, 16, 17, 19, 124, 130, 143}
    output = {74, 141}  # stdout took no result; its reader left, as for any process that SIGPIPE ends

    assert set(ExitCode) == contract | output


@given(st.none() | st.text().filter(lambda word: word not in KNOWN_PHASES))
def test_a_run_in_an_unknown_state_is_alive(life_cycle_state: str | None) -> None:
    assert phase_of(life_cycle_state) is Phase.ACTIVE
    assert outcome_of(life_cycle_state, "SUCCESS", "SUCCESS") is None


@given(st.text(min_size=1).filter(lambda word: word not in RESULTS))
def test_an_unknown_result_is_neither_a_success_nor_a_known_failure(result_state: str) -> None:
    assert outcome_of("TERMINATED", result_state, "SUCCESS") is Outcome.UNKNOWN_RESULT
