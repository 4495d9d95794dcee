"""Plan what `jobs update` sends and the settings it should lead to, and check what the server kept.

The API replaces top-level fields, and merges `tasks` and `job_clusters` by key:
https://docs.databricks.com/api/workspace/jobs/update
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from dbjobs.common.documents import DocumentError, parse_document
from dbjobs.common.nearest import did_you_mean
from dbjobs.errors import RefusedError, UsageError
from dbjobs.http.response import Payload
from dbjobs.jobfiles.checks import check_settings
from dbjobs.jobfiles.differences import ABSENT, LIST_KEYS, Difference, differences, is_keyed_by
from dbjobs.jobfiles.files import FORCE_HINT
from dbjobs.jobfiles.findings import Finding
from dbjobs.jobfiles.known_fields import JOB_FIELDS, LEGACY_TASK_FIELDS
from dbjobs.jobfiles.settings import Settings, is_task_field

MERGED_BY = {"tasks": "task_key", "job_clusters": "job_cluster_key"}

COMPUTE = ("existing_cluster_id", "new_cluster", "job_cluster_key", "environment_key")
"""What a task runs on."""

LISTS = ("tasks", "job_clusters", "parameters", "environments")
"""Top-level fields whose elements go by their key."""

_STEP = re.compile(r"""\.?([^.\[\]=]+)|\["([^"]*)"\]|\[([^\]"]+)\]""")
_ASSIGNMENT = re.compile(rf"((?:{_STEP.pattern})+)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Update:
    """A request of jobs/update, and the settings that it should lead to."""

    new_settings: Payload
    fields_to_remove: list[str]
    expected: Payload
    warnings: list[str]

    def unexpected_settings(self, settings: Payload) -> Iterator[Difference]:
        """Where the server's settings are not those expected; what it added by itself is its own affair."""
        for change in differences(self.expected, settings):
            if change.old is not ABSENT:
                yield change
        for field in self.fields_to_remove:
            name, _, key = field.partition("/")
            value = settings.get(name, ABSENT)
            if key:
                items = settings.get(name) or ()
                value = next((item for item in items if item.get(MERGED_BY[name]) == key), ABSENT)
            yield from differences(ABSENT, value, field)


def plan_update(
    settings: Payload,
    changes: Payload,
    assignments: Sequence[str],
    fields_to_remove: Sequence[str],
    *,
    force: bool = False,
) -> Update:
    """An update of the settings that a job has: changes from a file first, then each `PATH=VALUE`.

    A RefusedError says what would make the job one that the API does not take; `force`
    lets names and values pass that dbjobs does not know.
    """
    changes = _changes_by_task(settings, changes)
    expected = deepcopy(settings) | deepcopy(changes)
    for field, key in MERGED_BY.items():
        old, new = settings.get(field), changes.get(field)
        if isinstance(old, list) and isinstance(new, list) and is_keyed_by(key, [*new]):
            expected[field] = deepcopy(list({item.get(key): item for item in [*old, *new]}.values()))
    new_settings = dict(changes)
    _refuse([finding for finding in _new_findings(settings, expected) if finding.is_error], force=force)
    before = deepcopy(expected)
    for assignment in assignments:
        field = _assign(expected, assignment)
        new_settings[field] = expected[field]
    for field in fields_to_remove:
        if problem := _removal_problem(field, settings, force=force):
            raise UsageError(
                f"cannot remove {field!r}: it {problem}",
                hint="the API removes whole fields such as `schedule`, and tasks/KEY or job_clusters/KEY",
            )
        if field in new_settings:
            raise UsageError(f"{field} is both set and removed")
        name, _, key = field.partition("/")
        if key:
            expected[name] = [item for item in expected.get(name) or () if item.get(MERGED_BY[name]) != key]
        else:
            expected.pop(name, None)
    findings = list(_new_findings(before, expected))
    _refuse([finding for finding in findings if finding.is_error or finding.is_unknown], force=force)
    warnings = [finding.describe(None) for finding in findings]
    return Update(new_settings, list(fields_to_remove), expected, warnings)


def _new_findings(old: Payload, new: Payload) -> Iterator[Finding]:
    """What is wrong or odd about a job's new settings, and was not before, wherever in a list it was."""

    def key_of(finding: Finding) -> tuple[tuple[str, ...], str]:
        return tuple(step for step in finding.path if isinstance(step, str)), finding.problem

    known = Counter(key_of(finding) for finding in check_settings(old, "reset"))
    for finding in check_settings(new, "reset"):
        key = key_of(finding)
        if known[key]:
            known[key] -= 1
        else:
            yield finding


def _refuse(findings: Sequence[Finding], *, force: bool) -> None:
    """Raise a RefusedError with all of them, except for those that `force` lets pass."""
    refused = [finding for finding in findings if not (force and finding.is_unknown)]
    if refused:
        sentences = [finding.describe(None) for finding in refused]
        listed = sentences[0] if len(sentences) == 1 else "\n  ".join(["", *sentences])
        hint = FORCE_HINT if all(finding.is_unknown for finding in refused) else None
        raise RefusedError(f"the change cannot be sent:{'' if sentences[1:] else ' '}{listed}", hint=hint)


def _changes_by_task(settings: Payload, changes: Payload) -> Payload:
    """Changes in the form of API 2.0 as changes of the one task that the job has."""
    if not Settings(changes, "update").is_legacy or "tasks" not in settings:
        return changes
    tasks = settings["tasks"]
    given = {name: value for name, value in changes.items() if is_task_field(name)}
    if len(tasks) != 1:
        raise RefusedError(
            f"{next(iter(given))} is a field of a task, and the job has {len(tasks)} of them",
            hint=f"name the task, as in tasks: [{{task_key: {tasks[0].get('task_key')}, …}}]"
            if tasks
            else None,
        )
    # a task has one type, and runs on one cluster
    has_type = any(name.endswith("_task") for name in given)
    replaced = COMPUTE if any(name in COMPUTE for name in given) else ()
    old = {
        name: value
        for name, value in tasks[0].items()
        if name not in replaced and not (has_type and name.endswith("_task"))
    }
    others = {name: value for name, value in changes.items() if name not in given and name != "format"}
    return {**others, "tasks": [{**old, **given}]}


def _assign(settings: Payload, assignment: str) -> str:
    """Carry out `a.b[c]=VALUE`, with VALUE read as YAML; the field at the top that it changes."""
    match = _ASSIGNMENT.fullmatch(assignment)
    if not match:
        raise UsageError(
            f"--set {assignment!r} is not PATH=VALUE", hint="as in --set schedule.pause_status=PAUSED"
        )
    path, text = match[1], match[match.re.groups]
    *steps, last = ["".join(found.groups(default="")) for found in _STEP.finditer(path)]
    try:
        value = parse_document(text)
    except DocumentError as error:
        raise UsageError(f"the value of --set {path} is not YAML: {error}") from None
    if value is None and not steps:
        raise UsageError(f"--set {path} has no value", hint=f"to remove it: --remove {path}")
    container: Any = settings
    for step in steps:
        if isinstance(container, dict):
            container = container.setdefault(step, [] if step in LISTS else {})
        else:
            container = container[_index(container, step, assignment)]
    container[last if isinstance(container, dict) else _index(container, last, assignment)] = value
    return steps[0] if steps else last


def _index(items: Any, step: str, assignment: str) -> int:
    """The index of the element with that key, or that number."""
    if not isinstance(items, list):
        raise UsageError(
            f"--set {assignment!r} does not exist in the job: what is before {step!r} has no fields"
        )
    for key in LIST_KEYS:
        keys = [item.get(key) for item in items if isinstance(item, dict)]
        if step in keys:
            return keys.index(step)
    if step.isdecimal() and int(step) < len(items):
        return int(step)
    named = ", ".join(str(item.get(key)) for item in items for key in LIST_KEYS if key in item)
    raise UsageError(
        f"--set {assignment!r} does not exist in the job: there is no {step!r}", hint=f"there are: {named}"
    )


def _removal_problem(field: str, settings: Payload, *, force: bool) -> str | None:
    """What keeps `schedule`, `tasks/KEY` or `job_clusters/KEY` from being removed from these settings."""
    name, slash, key = field.partition("/")
    if slash and not (key and name in MERGED_BY):
        return "is not a field of the job"
    if slash:
        items = settings.get(name)
        keys = [str(item.get(MERGED_BY[name])) for item in items or () if isinstance(item, dict)]
        return None if key in keys else f"is not in the job{did_you_mean(key, keys, f'{name}/{{}}'.format)}"
    fields = [*JOB_FIELDS, *LEGACY_TASK_FIELDS, *settings]
    if field in fields or (force and field.isidentifier()):
        return None
    return f"is not a field of the job{did_you_mean(field, fields, str)}"
