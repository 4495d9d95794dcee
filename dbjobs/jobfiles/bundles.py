"""A job in a bundle's file (`resources.jobs.NAME`): reading it from one, and writing it as one.

The official command line merges files, targets and variables into what it deploys. Only variables
with a default can be resolved from one file alone. Anything else that a job refers to is an error.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from dbjobs.common.nearest import did_you_mean
from dbjobs.errors import RefusedError, UsageError
from dbjobs.http.response import Payload
from dbjobs.jobfiles.files import JobFile
from dbjobs.jobfiles.findings import Finding, Path, format_name, join_names, warning

_BUNDLE_REFERENCE = re.compile(r"\$\{([^\W\d_][\w\-]*(?:\.[^\W\d_][\w\-]*|\[[0-9]+\])*)\}")
"""Such as `${var.day}`. Source: https://docs.databricks.com/dev-tools/bundles/variables"""

_OF_BUNDLES = ("permissions", "lifecycle")
"""Fields of a job in a bundle that are not settings."""

_OF_DEPLOYMENTS = ("format", "deployment", "edit_mode")
"""Fields of a job that come from the way it was created, not from its file."""

_PATHS = frozenset(
    {
        "notebook_path",
        "python_file",
        "path",
        "project_directory",
        "whl",
        "jar",
        "requirements",
        "dependencies",
    }
)


def select_job(file: JobFile, key: str | None) -> JobFile:
    """The job with that key in a bundle's file, or the only one; any other file as it is."""
    resources = file.content.get("resources")
    if not isinstance(resources, dict) and not isinstance(file.content.get("bundle"), dict):
        if key is not None:
            raise UsageError(f"{file.name} is not a bundle's file: --job-key chooses one of resources.jobs")
        return file
    jobs = _mapping(_mapping(file.content, "resources"), "jobs")
    if not jobs:
        raise RefusedError(
            f"{file.name} is a bundle's file without resources.jobs",
            hint="a bundle may have its jobs in the files that it includes: give one of those",
        )
    listed = f"it has {join_names([format_name(str(name)) for name in jobs])}"
    if key is None and len(jobs) > 1:
        raise UsageError(f"{file.name} has {len(jobs)} jobs: choose one with --job-key NAME", hint=listed)
    if key is not None and key not in jobs:
        raise UsageError(f"{file.name} has no job {key!r}{did_you_mean(key, list(jobs))}", hint=listed)
    key = next(iter(jobs)) if key is None else key
    path = ("resources", "jobs", key)
    if not isinstance(jobs[key], dict):
        raise RefusedError(file.describe(Finding(path, "must be a mapping")))
    job, findings = jobs[key], []
    for name in _OF_BUNDLES:
        if name in job:
            findings.append(warning((name,), "is for `databricks bundle` alone, and is not sent"))
    for name, target in _mapping(file.content, "targets").items():
        if isinstance(target, dict) and key in _mapping(_mapping(target, "resources"), "jobs"):
            findings.append(warning((), f"is changed by targets.{format_name(str(name))}, which is not read"))
    resolver = _Resolver(file.content, has_git_source="git_source" in job)
    settings = resolver.resolve({name: job[name] for name in job if name not in _OF_BUNDLES}, ())
    document = replace(file.document, value=settings, base=path)
    return JobFile(file.name, document, [*findings, *resolver.findings])


@dataclass
class _Resolver:
    """Fills in variables; notes what it cannot fill in."""

    content: Payload
    has_git_source: bool
    findings: list[Finding] = field(default_factory=list)

    def resolve(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return {name: self.resolve(inner, (*path, name)) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.resolve(inner, (*path, index)) for index, inner in enumerate(value)]
        if not isinstance(value, str):
            return value
        if whole := _BUNDLE_REFERENCE.fullmatch(value):
            return self._value_of(whole, path)

        def fill_in(reference: re.Match[str]) -> str:
            found = self._value_of(reference, path)
            return str(found).lower() if isinstance(found, bool) else str(found)

        filled = _BUNDLE_REFERENCE.sub(fill_in, value)
        if filled.startswith(("./", "../")) and not self.has_git_source and _PATHS.intersection(path[-2:]):
            self.findings.append(
                Finding(path, "is relative to the bundle's file: only `databricks bundle deploy` uploads it")
            )
        return filled

    def _value_of(self, reference: re.Match[str], path: Path) -> Any:
        """The default of the variable that is referred to; else the reference as it stands."""
        kind, _, name = reference[1].partition(".")
        variable = _mapping(self.content, "variables").get(name) if kind == "var" else None
        default = variable.get("default") if isinstance(variable, dict) else None
        if default is None or _BUNDLE_REFERENCE.search(str(default)):
            self.findings.append(
                Finding(
                    path,
                    f"refers to {format_name(reference[1])}, which only a bundle can fill in: use"
                    " `databricks bundle deploy`, or give the value here",
                )
            )
            return reference[0]
        for target, settings in _mapping(self.content, "targets").items():
            if isinstance(settings, dict) and name in _mapping(settings, "variables"):
                setter = f"targets.{format_name(str(target))}"
                problem = f"gets the default of var.{format_name(name)}, which {setter} replaces"
                self.findings.append(warning(path, problem))
        return default


def as_bundle(settings: Payload) -> tuple[Payload, list[str]]:
    """A job's settings as a resource of a bundle, and warnings about what a bundle would change in them."""
    kept = {name: value for name, value in settings.items() if name not in _OF_DEPLOYMENTS and value != {}}
    name = str(settings.get("name") or "job")
    key = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "job"
    key = key if key[0].isalpha() else f"job_{key}"
    warnings = []
    if references := sorted(set(_references(kept))):
        shown = join_names([f"${{{format_name(name)}}}" for name in references[:5]])
        warnings.append(f"a bundle fills in {shown} by itself: replace it with the intended value")
    return {"resources": {"jobs": {key: kept}}}, warnings


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from (match[1] for match in _BUNDLE_REFERENCE.finditer(value))
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _references(inner)


def _mapping(content: Payload, name: str) -> Payload:
    """A field that is a mapping; empty if it is not."""
    value = content.get(name)
    return value if isinstance(value, dict) else {}
