"""Why a task, or a run, failed: the category of its cause, from all that the API says about it.

The code of `termination_details` says most; the message, the exception in the output and the states say
the rest, and all there is in the versions before 2.2. What a code means:
https://docs.databricks.com/api/workspace/jobs/getrun
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dbjobs.api.models import Run, TaskRun
from dbjobs.api.states import Outcome
from dbjobs.common.plain_text import clean_line
from dbjobs.http.response import Payload
from dbjobs.runs.cause_signs import (
    CODES,
    LIBRARY_SIGNS,
    NOT_FOUND_OR_NOT_VISIBLE,
    REFINED,
    SERVICE_SIGNS,
    TYPES,
    WORKLOAD_SIGNS,
    Category,
    Sign,
)
from dbjobs.runs.traces import RaisedException, find_exception, find_in_logs

LONGEST_MESSAGE = 4_000
"""Characters of a message of the API that are looked at."""


@dataclass(frozen=True)
class Cause:
    """Why something failed, and what it affected."""

    category: Category
    area: str = ""
    """of the platform: cluster, quota, network, storage or service; of a cancel: who or what canceled"""
    line: str = ""
    """the exception, or the message, on one line"""
    frame: str = ""
    """the deepest line of the user's own code"""
    became: str = ""
    """the exception that was reported in place of this one"""
    is_sure: bool = True
    """False if the signs allow other causes as well"""
    code: str = ""
    """of termination_details"""
    tasks: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[str, ...]:
        """Equal for two failures of the same cause: numbers and ids in the text aside."""
        line = re.sub(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8,}\b|\d+", "#", self.line)
        return (self.category, self.area, line.partition(":")[0] if self.frame else line, self.frame)


OWN_TYPES = (
    r"^(?:PermissionError|Connection\w*Error|BrokenPipeError|TimeoutError|MemoryError|OSError"
    r"|socket\.gaierror)$"
)
"""Exceptions of Python itself that are about the world outside the code."""

INTRODUCTIONS = (
    r"^Task \S+ failed with message: |^.* is in unexpected state \w+: "
    r"|^.*Error Message: (?:org\.apache\.spark\.SparkException: )?"
)
"""What is before the part of a message that says the cause."""

GENERIC_MESSAGE = (
    r"^(?:Task \S+ failed with message: )?(?:Workload failed, see run output(?: for details)?\.?"
    r"(?: This caused all downstream tasks to get skipped\.)?)?$|^(?:An )?[Uu]pstream task failed\.?$"
)


def is_generic(message: str) -> bool:
    """Whether a message says nothing about the cause."""
    return re.match(GENERIC_MESSAGE, message) is not None


def find_cause(task: TaskRun | Run, output: Payload | None = None) -> Cause:
    """The cause of a failure, as far as a task's state and output tell. It is never asked for more."""
    own_packages = own_packages_of(task)
    output = output or {}
    texts = (output.get("error_trace"), find_in_logs(output.get("logs") or ""), output.get("error"))
    exceptions = (find_exception(str(text), own_packages) for text in texts if text)
    raised = next(filter(None, exceptions), None)
    message = clean_line((output.get("error") or "")[:LONGEST_MESSAGE])
    if not message or is_generic(message):
        message = clean_line(task.message[:LONGEST_MESSAGE]) or message
    found = _classify(task, raised, message)
    code = task.termination_code or ""
    if raised is None or found.category in (Category.CANCELED, Category.NEVER_STARTED):
        return replace(found, line=re.sub(INTRODUCTIONS, "", message), code=code)
    return replace(found, line=raised.line, frame=raised.frame, became=raised.became, code=code)


def own_packages_of(task: TaskRun | Run) -> tuple[str, ...]:
    """The names of the user's code where it is installed next to others."""
    settings = task.payload.get("task") or task.payload
    wheel = (settings.get("python_wheel_task") or {}).get("package_name")
    main_class = (settings.get("spark_jar_task") or {}).get("main_class_name")
    package = str(wheel).replace("-", "_") if wheel else ""
    prefix = ".".join(str(main_class).split(".")[:2]) if main_class and "." in str(main_class) else ""
    return tuple(name for name in (package, prefix) if name)


def _classify(task: TaskRun | Run, raised: RaisedException | None, message: str) -> Cause:
    code = task.termination_code or ""
    if cause := _of_outcome(task, code, message):
        return cause
    if raised and code in ("", "RUN_EXECUTION_ERROR", "INTERNAL_ERROR"):
        return _of_exception(raised)
    if code not in CODES:
        return _of_message(task, code, raised, message)
    cause = Cause(*CODES[code], is_sure=code not in NOT_FOUND_OR_NOT_VISIBLE)
    if code == "CLUSTER_TERMINATED_BY_USER":
        return _by_whom(cause, message)
    is_library = code in ("LIBRARY_INSTALLATION_ERROR", "REPOSITORY_CHECKOUT_FAILED")
    signs = LIBRARY_SIGNS if is_library else SERVICE_SIGNS if code in REFINED else ()
    return _match(signs, message) or cause


def _of_outcome(task: TaskRun | Run, code: str, message: str) -> Cause | None:
    """What did not fail by itself: it was canceled, or never ran."""
    outcome = task.outcome
    is_too_long = code == "CANCELED" and re.search(r"timed? ?out|maximum", message, re.IGNORECASE)
    if outcome is Outcome.TIMEDOUT or is_too_long:
        return Cause(Category.CANCELED, "its time limit")
    if outcome is Outcome.CANCELED or code == "USER_CANCELED":
        return _by_whom(Cause(*CODES.get(code, (Category.CANCELED, ""))), message)
    if outcome in (Outcome.NEVER_RAN, Outcome.EXCLUDED):
        return Cause(Category.NEVER_STARTED)
    return Cause(Category.UPSTREAM) if outcome is Outcome.UPSTREAM_FAILED else None


def _of_exception(raised: RaisedException) -> Cause:
    """The code's own exceptions mean what they are, whatever they say; those of libraries, what they say."""
    name = raised.type
    is_own = raised.is_raised_by_own_code and "." not in name
    found = None if is_own and not re.match(OWN_TYPES, name) else _match(WORKLOAD_SIGNS, raised.line)
    is_plain = bool(raised.frame) or "." not in name
    return found or Cause(Category.CODE, is_sure=is_plain)


def _of_message(task: TaskRun | Run, code: str, raised: RaisedException | None, message: str) -> Cause:
    """Without an exception, and without a code that says enough."""
    if found := _match(SERVICE_SIGNS, message):
        is_said = found.category is not Category.UNKNOWN
        return found if is_said else Cause(Category.UNKNOWN, is_sure=False)
    kind = task.termination_type or ""
    if kind in TYPES:
        return Cause(*TYPES[kind])
    if raised:
        return _of_exception(raised)
    if code == "RUN_EXECUTION_ERROR" and not is_generic(message):
        return Cause(Category.CODE, is_sure=bool(re.search(r"^\[[A-Z_.]+\]|SQLSTATE|dbt", message)))
    return Cause(Category.UNKNOWN, is_sure=False)


def _match(signs: Sequence[Sign], text: str) -> Cause | None:
    for sign in signs:
        if re.search(sign.pattern, text):
            cause = Cause(sign.category, sign.area, is_sure=sign.is_sure)
            return _by_whom(cause, text) if sign.category is Category.CANCELED else cause
    return None


def _by_whom(cause: Cause, message: str) -> Cause:
    """Who canceled, where the message names somebody."""
    found = re.search(r"\b(?:by|user):? (?:user )?'?([\w.+-]+@[\w-]+(?:\.[\w-]+)+)", message)
    return replace(cause, area=found[1]) if found else cause


def group_causes(causes: Sequence[tuple[str, Cause]]) -> tuple[Cause, ...]:
    """Each distinct cause once, with the names of the tasks that it affected, in the order given."""
    groups: dict[tuple[str, ...], Cause] = {}
    for name, cause in causes:
        known = groups.get(cause.identity, cause)
        groups[cause.identity] = replace(known, tasks=(*known.tasks, name))
    return tuple(groups.values())
