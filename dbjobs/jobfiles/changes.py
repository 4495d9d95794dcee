"""Whether a job whose settings are changed stays one that the API takes."""

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from dbjobs.errors import RefusedError
from dbjobs.http.response import Payload
from dbjobs.jobfiles.checks import check_settings
from dbjobs.jobfiles.files import FORCE_HINT
from dbjobs.jobfiles.findings import Finding
from dbjobs.jobfiles.known_fields import JOB_FIELDS, LEGACY_TASK_FIELDS


def new_findings(old: Payload, new: Payload) -> Iterator[Finding]:
    """What is wrong or odd about a job's new settings, and was not before, wherever in a list it stood."""
    known = Counter(_without_positions(finding) for finding in check_settings(old, "reset"))
    for finding in check_settings(new, "reset"):
        key = _without_positions(finding)
        if known[key]:
            known[key] -= 1
        else:
            yield finding


def _without_positions(finding: Finding) -> tuple[tuple[str, ...], str]:
    return tuple(step for step in finding.path if isinstance(step, str)), finding.problem


def refuse(findings: Sequence[Finding], *, force: bool) -> None:
    """A RefusedError with all of them, except for those that `force` lets pass."""
    refused = [finding for finding in findings if not (force and finding.is_unknown)]
    if refused:
        sentences = [finding.describe(None) for finding in refused]
        listed = sentences[0] if len(sentences) == 1 else "\n  ".join(["", *sentences])
        hint = FORCE_HINT if all(finding.is_unknown for finding in refused) else None
        raise RefusedError(f"the change cannot be sent:{'' if sentences[1:] else ' '}{listed}", hint=hint)


def find_removal_problem(field: str, settings: Payload, *, force: bool = False) -> str | None:
    """What keeps `schedule`, `tasks/KEY` or `job_clusters/KEY` from being removed from these settings."""
    name, slash, key = field.partition("/")
    lists = {"tasks": "task_key", "job_clusters": "job_cluster_key"}
    if slash and not (key and name in lists):
        return "is not a field of the job"
    if slash:
        items = settings.get(name)
        keys = [str(item.get(lists[name])) for item in items or () if isinstance(item, dict)]
        return None if key in keys else f"is not in the job{_suggest(key, keys, f'{name}/')}"
    fields = [*JOB_FIELDS, *LEGACY_TASK_FIELDS, *settings]
    if field in fields or (force and field.isidentifier()):
        return None
    return f"is not a field of the job{_suggest(field, fields)}"


def _suggest(name: str, known: Sequence[str], prefix: str = "") -> str:
    nearest = get_close_matches(name[:64], known, n=1)
    return f"; did you mean {prefix}{nearest[0]}?" if nearest else ""
