"""The states of the Jobs API, and the outcome of a run that they mean.

The API adds states without a new version, so a state stays a string; the tables
below give the known ones their meaning, and an unknown one is never terminal.
Source: https://docs.databricks.com/api/workspace/jobs/getrun
"""

from enum import Enum

from dbjobs.errors import ExitCode


class Phase(Enum):
    """How far a run has come."""

    WAITING = "waiting"
    ACTIVE = "active"
    ENDED = "ended"


class Outcome(Enum):
    """What a finished run means for the caller, the most severe first.

    A wait for several runs exits with the code of the most severe one.
    """

    INTERNAL_ERROR = ExitCode.INTERNAL_ERROR
    FAILED = ExitCode.FAILED
    TIMEDOUT = ExitCode.TIMEDOUT
    UPSTREAM_FAILED = ExitCode.UPSTREAM_FAILED
    CANCELED = ExitCode.CANCELED
    UNKNOWN_RESULT = ExitCode.UNKNOWN_RESULT
    NEVER_RAN = ExitCode.NEVER_RAN
    EXCLUDED = ExitCode.EXCLUDED
    SUCCESS_WITH_FAILURES = ExitCode.SUCCESS_WITH_FAILURES
    SUCCESS = ExitCode.SUCCESS

    @property
    def is_good(self) -> bool:
        """True if a pipeline may continue."""
        return self in (Outcome.SUCCESS, Outcome.SUCCESS_WITH_FAILURES)

    @property
    def is_failure(self) -> bool:
        """True if something went wrong: the run neither did what it was for, nor was canceled or left out."""
        return self in (
            Outcome.INTERNAL_ERROR,
            Outcome.FAILED,
            Outcome.TIMEDOUT,
            Outcome.UPSTREAM_FAILED,
            Outcome.UNKNOWN_RESULT,
        )

    def exit_code(self, *, strict: bool = False) -> ExitCode:
        """SUCCESS_WITH_FAILURES is a success unless `strict`."""
        if self is Outcome.SUCCESS_WITH_FAILURES and not strict:
            return ExitCode.SUCCESS
        return self.value


SEVERITY = {outcome: rank for rank, outcome in enumerate(Outcome)}
"""0 is the most severe."""

LIFE_CYCLE_STATES = {
    "QUEUED": Phase.WAITING,
    "BLOCKED": Phase.WAITING,
    "WAITING_FOR_RETRY": Phase.WAITING,
    "PENDING": Phase.ACTIVE,
    "RUNNING": Phase.ACTIVE,
    "TERMINATING": Phase.ACTIVE,
    "TERMINATED": Phase.ENDED,
    "SKIPPED": Phase.ENDED,
    "INTERNAL_ERROR": Phase.ENDED,
}
"""`state.life_cycle_state`, in every version."""

STATUS_STATES = {
    "BLOCKED": Phase.WAITING,
    "QUEUED": Phase.WAITING,
    "WAITING": Phase.WAITING,
    "PENDING": Phase.ACTIVE,
    "RUNNING": Phase.ACTIVE,
    "TERMINATING": Phase.ACTIVE,
    "TERMINATED": Phase.ENDED,
}
"""`status.state`, from 2.2 on."""

RESULT_STATES = {
    "SUCCESS": Outcome.SUCCESS,
    "SUCCESS_WITH_FAILURES": Outcome.SUCCESS_WITH_FAILURES,
    "FAILED": Outcome.FAILED,
    "TIMEDOUT": Outcome.TIMEDOUT,
    "CANCELED": Outcome.CANCELED,
    "MAXIMUM_CONCURRENT_RUNS_REACHED": Outcome.NEVER_RAN,
    "UPSTREAM_FAILED": Outcome.UPSTREAM_FAILED,
    "UPSTREAM_CANCELED": Outcome.UPSTREAM_FAILED,
    "EXCLUDED": Outcome.EXCLUDED,
    "DISABLED": Outcome.EXCLUDED,
    "EVICTED": Outcome.EXCLUDED,
    "UPSTREAM_EVICTED": Outcome.EXCLUDED,
}
"""`state.result_state`; the last two belong to clean rooms."""

TERMINATION_CODES = {
    "SUCCESS": Outcome.SUCCESS,
    "SUCCESS_WITH_FAILURES": Outcome.SUCCESS_WITH_FAILURES,
    "RUN_EXECUTION_ERROR": Outcome.FAILED,
    "CANCELED": Outcome.CANCELED,
    "USER_CANCELED": Outcome.CANCELED,
    "SKIPPED": Outcome.NEVER_RAN,
    "MAX_CONCURRENT_RUNS_EXCEEDED": Outcome.NEVER_RAN,
    "MAX_JOB_QUEUE_SIZE_EXCEEDED": Outcome.NEVER_RAN,
    "WORKSPACE_RUN_LIMIT_EXCEEDED": Outcome.NEVER_RAN,
    "DISABLED": Outcome.EXCLUDED,
    # The codes below kept the code of the run from running to its end.
    "INTERNAL_ERROR": Outcome.INTERNAL_ERROR,
    "CLOUD_FAILURE": Outcome.INTERNAL_ERROR,
    "CLUSTER_ERROR": Outcome.INTERNAL_ERROR,
    "DRIVER_ERROR": Outcome.INTERNAL_ERROR,
    "CLUSTER_REQUEST_LIMIT_EXCEEDED": Outcome.INTERNAL_ERROR,
    "CLUSTER_TERMINATED_BY_USER": Outcome.INTERNAL_ERROR,
    "FEATURE_DISABLED": Outcome.INTERNAL_ERROR,
    "INVALID_CLUSTER_REQUEST": Outcome.INTERNAL_ERROR,
    "INVALID_RUN_CONFIGURATION": Outcome.INTERNAL_ERROR,
    "LIBRARY_INSTALLATION_ERROR": Outcome.INTERNAL_ERROR,
    "MAX_SPARK_CONTEXTS_EXCEEDED": Outcome.INTERNAL_ERROR,
    "REPOSITORY_CHECKOUT_FAILED": Outcome.INTERNAL_ERROR,
    "RESOURCE_NOT_FOUND": Outcome.INTERNAL_ERROR,
    "STORAGE_ACCESS_ERROR": Outcome.INTERNAL_ERROR,
    "UNAUTHORIZED_ERROR": Outcome.INTERNAL_ERROR,
    "BREAKING_CHANGE": Outcome.INTERNAL_ERROR,
    "BUDGET_POLICY_LIMIT_EXCEEDED": Outcome.INTERNAL_ERROR,
}
"""`status.termination_details.code`, used if there is no result_state."""

TRIGGERS = (
    "PERIODIC", "ONE_TIME", "RETRY", "RUN_JOB_TASK", "FILE_ARRIVAL", "TABLE", "CONTINUOUS",
    "CONTINUOUS_RESTART", "MODEL", "JOB_COMPLETION",
)  # fmt: skip
"""What starts a run, as `trigger` says."""

BARE_ENDINGS = {
    "SKIPPED": Outcome.NEVER_RAN,
    "INTERNAL_ERROR": Outcome.INTERNAL_ERROR,
}
"""Terminal life cycle states that have no result_state."""


def phase_of(life_cycle_state: str | None) -> Phase:
    """Unknown states count as active: an active run is never called finished."""
    state = life_cycle_state or ""
    return LIFE_CYCLE_STATES.get(state) or STATUS_STATES.get(state) or Phase.ACTIVE


def outcome_of(
    life_cycle_state: str | None, result_state: str | None, termination_code: str | None
) -> Outcome | None:
    """The outcome of a run; None while it is active.

    The result_state decides first, for a run whose own code failed may well report
    INTERNAL_ERROR with FAILED; then the termination code, then the life cycle.
    """
    if phase_of(life_cycle_state) is not Phase.ENDED:
        return None
    if result_state:
        return RESULT_STATES.get(result_state, Outcome.UNKNOWN_RESULT)
    if termination_code in TERMINATION_CODES:
        return TERMINATION_CODES[termination_code]
    return BARE_ENDINGS.get(life_cycle_state or "", Outcome.UNKNOWN_RESULT)
