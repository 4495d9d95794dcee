"""Trigger Databricks job runs and watch them to the end."""

TYPE_CHECKING = False  # as type checkers know it; importing typing takes 5 ms
if TYPE_CHECKING:
    from dbjobs.api.models import Run as Run
    from dbjobs.api.models import TaskRun as TaskRun
    from dbjobs.api.states import Outcome as Outcome
    from dbjobs.errors import ConfigError as ConfigError
    from dbjobs.errors import DbjobsError as DbjobsError
    from dbjobs.errors import ExitCode as ExitCode
    from dbjobs.errors import NotFoundError as NotFoundError
    from dbjobs.errors import OutcomeUnknownError as OutcomeUnknownError
    from dbjobs.errors import RefusedError as RefusedError
    from dbjobs.errors import SignInError as SignInError
    from dbjobs.errors import UnreachableError as UnreachableError
    from dbjobs.errors import UsageError as UsageError
    from dbjobs.runs.causes import Cause as Cause
    from dbjobs.runs.client import Client as Client
    from dbjobs.runs.client import Repair as Repair
    from dbjobs.runs.client import RunHandle as RunHandle
    from dbjobs.runs.explain import Explanation as Explanation
    from dbjobs.runs.history import JobHistory as JobHistory
    from dbjobs.runs.outputs import TaskOutput as TaskOutput
    from dbjobs.runs.results import Failure as Failure
    from dbjobs.runs.results import OutcomeError as OutcomeError
    from dbjobs.runs.results import Result as Result
    from dbjobs.runs.snapshots import Snapshot as Snapshot

__version__ = "0.1.0"

PUBLIC = {
    "Run": "dbjobs.api.models",
    "TaskRun": "dbjobs.api.models",
    "Outcome": "dbjobs.api.states",
    "ConfigError": "dbjobs.errors",
    "DbjobsError": "dbjobs.errors",
    "ExitCode": "dbjobs.errors",
    "NotFoundError": "dbjobs.errors",
    "OutcomeUnknownError": "dbjobs.errors",
    "RefusedError": "dbjobs.errors",
    "SignInError": "dbjobs.errors",
    "UnreachableError": "dbjobs.errors",
    "UsageError": "dbjobs.errors",
    "Cause": "dbjobs.runs.causes",
    "Client": "dbjobs.runs.client",
    "Repair": "dbjobs.runs.client",
    "RunHandle": "dbjobs.runs.client",
    "Explanation": "dbjobs.runs.explain",
    "JobHistory": "dbjobs.runs.history",
    "TaskOutput": "dbjobs.runs.outputs",
    "Failure": "dbjobs.runs.results",
    "OutcomeError": "dbjobs.runs.results",
    "Result": "dbjobs.runs.results",
    "Snapshot": "dbjobs.runs.snapshots",
}
"""The public Python API, and the module that defines each name; it is loaded when the name is first used."""


def _load(name: str) -> object:
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(PUBLIC[name]), name)
    return value


if not TYPE_CHECKING:  # else a misspelled name would pass type checks
    __getattr__ = _load


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC})
