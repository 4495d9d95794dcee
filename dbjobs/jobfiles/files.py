"""Job files: reading one, and preparing the body of a request from it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any

from dbjobs.api.shapes import MAX_REQUEST_BYTES
from dbjobs.common import files
from dbjobs.common.documents import Document, DocumentError, read_document
from dbjobs.errors import RefusedError, UsageError
from dbjobs.http.response import Payload
from dbjobs.jobfiles.checks import check_settings
from dbjobs.jobfiles.convert import convert
from dbjobs.jobfiles.field_checks import check_fields
from dbjobs.jobfiles.findings import Finding, Path, warning
from dbjobs.jobfiles.known_fields import JOB_FIELDS, READ_ONLY, RUN_NOW_FIELDS, SUBMIT_FIELDS
from dbjobs.jobfiles.settings import Settings, as_integer

MAX_SHOWN = 20
"""Errors, and warnings, of one file; nobody reads more at once."""

FIELDS_TO_REMOVE = "fields_to_remove"
"""A field next to `new_settings` in an update request."""

FORCE_HINT = "if the API has it, send it with --force"

WRAPPERS = ("new_settings", "settings")
"""The fields that contain job settings in a reset or update request, and in the output of `jobs get`."""


@dataclass(frozen=True)
class JobFile:
    """A mapping that a user gave, its name in messages, and the lines of what is in it."""

    name: str
    document: Document
    findings: Sequence[Finding] = ()
    """What was found when it was taken out of a bundle's file."""

    @property
    def content(self) -> Payload:
        content: Payload = self.document.value
        return content

    def describe(self, finding: Finding) -> str:
        """The finding with its line."""
        return finding.describe(self.document.line_of(finding.path))


@dataclass(frozen=True)
class PreparedRequest:
    """A body that can be sent, and what its sender should know."""

    body: Payload
    fields_to_remove: list[str] = field(default_factory=list)
    note: str | None = None
    warnings: list[str] = field(default_factory=list)


def read_body(file: str | None, json_text: str | None) -> Payload:
    """The mapping in a file (`-` is stdin), or in a text (`@FILE` names a file, too)."""
    return read_job_file(file, json_text).content


def read_job_file(file: str | None, json_text: str | None) -> JobFile:
    """Like `read_body`, with the lines; an error says in a sentence what keeps it from being read."""
    if json_text is not None and json_text.startswith("@"):
        file, json_text = json_text[1:], None
    name = "--json" if file is None else "stdin" if file == "-" else file
    text = json_text if file is None else read_text(file, name)
    if not (text or "").strip():
        raise UsageError(f"{name} is empty")
    try:
        document = read_document(text or "")
    except DocumentError as error:
        raise RefusedError(f"{name} is not valid JSON or YAML: {error}") from None
    if not isinstance(document.value, dict):
        raise RefusedError(f"{name} is not a mapping of settings")
    return JobFile(name, document)


def read_text(file: str, name: str) -> str:
    """The text of a file, or of stdin for `-`; `name` is what errors call it."""
    try:
        return files.read_text(None if file == "-" else FilePath(file), MAX_REQUEST_BYTES, "the Jobs API")
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from None
    except files.TextError as error:
        raise RefusedError(f"{name} {error}") from None
    except ValueError:
        raise UsageError("this cannot be the name of a file") from None


def prepare_request(
    file: JobFile,
    request: str,
    version: str,
    *,
    job_id: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    force: bool = False,
) -> PreparedRequest:
    """The body for a request (create, reset, update or submit) in the form of an API version, checked.

    `job_id` is the job that is to be changed: a file of another one is refused. `overrides`
    replace what the file says. A RefusedError lists all that is wrong, with path and line;
    `force` lets what is merely unknown pass, as a warning.
    """
    _settle(file, list(file.findings), force=force)
    path: Path = ()
    content = file.content
    if request != "submit":
        wrapper = next((name for name in WRAPPERS if isinstance(content.get(name), dict)), None)
        beside = _beside(request)
        content = {name: value for name, value in content.items() if name not in beside}
        if wrapper:
            path, content = (wrapper,), file.content[wrapper]
    settings = Settings({**content, **(overrides or {})}, request)
    findings = [*file.findings, *_misplaced(file.content, path, request, job_id)]
    for name in content:  # the body of run-now looks like settings, and starts a run
        if name in RUN_NOW_FIELDS and name not in (*JOB_FIELDS, *SUBMIT_FIELDS, "job_id"):
            problem = "is for starting a run of a job: use `dbjobs runs now JOB`"
            findings.append(Finding((name,), problem))
    findings += _moved(check_settings(settings.content, request), path)
    findings = _settle(file, findings, force=force)
    conversion = convert(settings, version)
    if conversion.findings:
        raise _refusal(file, _moved(conversion.findings, path))
    if len(json.dumps(conversion.settings)) > MAX_REQUEST_BYTES:
        raise RefusedError(
            f"{file.name} is larger than the {MAX_REQUEST_BYTES:,} bytes that the Jobs API takes"
        )
    warnings = [f"{file.name}: {sentence}" for sentence in _describe(file, findings)]
    note = conversion.note and f"{file.name}: {conversion.note}"
    fields_to_remove = file.content.get(FIELDS_TO_REMOVE) or [] if request == "update" else []
    return PreparedRequest(conversion.settings, fields_to_remove, note, warnings)


def prepare_run_now(
    file: JobFile, job_id: int, overrides: Payload, *, force: bool = False
) -> PreparedRequest:
    """The body of a run-now request as its file has it, for a job, checked.

    A field that is not known is an error here: the run would start without what it says.
    """
    content = {**file.content, "job_id": job_id, **overrides}
    found = [*_of_another_job(file.content, job_id), *check_fields(content, RUN_NOW_FIELDS)]
    findings = [replace(finding, is_error=finding.is_error or finding.is_unknown) for finding in found]
    findings = _settle(file, findings, force=force)
    warnings = [f"{file.name}: {sentence}" for sentence in _describe(file, findings)]
    return PreparedRequest(
        {name: value for name, value in content.items() if value is not None}, warnings=warnings
    )


def _settle(file: JobFile, findings: list[Finding], *, force: bool) -> list[Finding]:
    """The warnings; an error among the findings is raised, unless `force` lets the unknown pass."""
    if force:
        findings = [
            replace(finding, is_error=False) if finding.is_unknown else finding for finding in findings
        ]
    if any(finding.is_error for finding in findings):
        raise _refusal(file, findings)
    return findings


def _refusal(file: JobFile, findings: list[Finding]) -> RefusedError:
    """All of them, for an unknown field often is the very one that is missing; errors if they are many."""
    errors = [finding for finding in findings if finding.is_error]
    hint = FORCE_HINT if errors and all(finding.is_unknown for finding in errors) else None
    sentences = _describe(file, findings if len(findings) <= MAX_SHOWN else errors)
    if len(sentences) == 1:
        return RefusedError(f"{file.name}: {sentences[0]}", hint=hint)
    listed = "\n  ".join(sentences)
    return RefusedError(f"{file.name} cannot be sent:\n  {listed}", hint=hint)


def _describe(file: JobFile, findings: list[Finding]) -> list[str]:
    """The first of them, in the order of the file."""
    in_order = sorted(findings, key=lambda finding: file.document.line_of(finding.path) or 0)
    sentences = [file.describe(finding) for finding in in_order[:MAX_SHOWN]]
    more = len(findings) - MAX_SHOWN
    return [*sentences, f"and {more} more"] if more > 0 else sentences


def _beside(request: str) -> tuple[str, ...]:
    """Fields that may be given next to the settings without being one of them."""
    return (*READ_ONLY, FIELDS_TO_REMOVE) if request == "update" else READ_ONLY


def _misplaced(body: Payload, path: Path, request: str, job_id: int | None) -> Iterable[Finding]:
    """What is given along with the settings, and would be lost; or belongs to another job."""
    if job_id is not None:
        yield from _of_another_job(body, job_id)
    for name in body if path else ():
        if name not in (*path, *_beside(request)):
            yield warning((name,), f"is given along with {path[0]}, and is not sent")
    removals = body.get(FIELDS_TO_REMOVE) if request == "update" else None
    if removals is not None and not (
        isinstance(removals, list) and all(isinstance(name, str) for name in removals)
    ):
        yield Finding((FIELDS_TO_REMOVE,), "must be a list of names of fields")


def _of_another_job(body: Payload, job_id: int) -> Iterable[Finding]:
    given = as_integer(body.get("job_id"))
    if given not in (None, job_id):
        yield Finding(("job_id",), f"is {given}, but the job on the command line is {job_id}")


def _moved(findings: Iterable[Finding], wrapper: Path) -> list[Finding]:
    """The findings of settings as those of the file around them."""
    return [replace(finding, path=(*wrapper, *finding.path)) for finding in findings]
