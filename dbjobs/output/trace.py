"""`--trace`: a run as an OpenTelemetry trace, in OTLP's JSON, written to a file or sent to a collector.

A span for the run, one for each repair, and one for each attempt at a task. Their ids follow from the run, so
that another call makes the same spans. Sources: https://github.com/open-telemetry/opentelemetry-proto,
https://github.com/open-telemetry/semantic-conventions and https://www.w3.org/TR/trace-context/
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from dbjobs import __version__
from dbjobs.api.client import JobsApi
from dbjobs.api.models import Run, TaskRun
from dbjobs.api.states import Outcome
from dbjobs.common.clock import Clock
from dbjobs.common.hidden import hide
from dbjobs.errors import DbjobsError
from dbjobs.http.retry import NO_RETRIES
from dbjobs.output.delivery import MIN_SECRET_LENGTH, check_url, deliver
from dbjobs.output.reports.model import Attempt, Report, ReportedRun
from dbjobs.output.streams import Streams
from dbjobs.runs.repairs import repairs_of

Json = dict[str, Any]

INTERNAL, SERVER = 1, 2
"""The kinds of spans: a part of something, and what was asked for from outside."""

STATUS_ERROR = 2

TRACES_PATH = "/v1/traces"

HEADERS_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
"""The first one that is set counts."""

OTLP_RETRIED = (429, 502, 503, 504)
"""OTLP forbids another try after any other."""

MAX_HISTORIES = 20
"""Runs whose repairs are read; each is a request."""

MAX_TRACE_STATE = 512
"""Characters of TRACESTATE; a longer one may be dropped."""

EXCEPTION = r"(?:^|: )((?:[\w$]+\.)*[A-Z][\w$]*(?:Error|Exception|Failure|Exit|Interrupt))(?::|$)"
"""The class of an exception in an error, after the verdict."""

RESULTS = {
    Outcome.SUCCESS: "success",
    Outcome.SUCCESS_WITH_FAILURES: "success",
    Outcome.FAILED: "failure",
    Outcome.UPSTREAM_FAILED: "failure",
    Outcome.TIMEDOUT: "timeout",
    Outcome.INTERNAL_ERROR: "error",
    Outcome.UNKNOWN_RESULT: "error",
    Outcome.CANCELED: "cancellation",
    Outcome.NEVER_RAN: "skip",
    Outcome.EXCLUDED: "skip",
}
"""What each outcome is called in `cicd.pipeline.result`."""

TASK_RESULTS = {**RESULTS, Outcome.UPSTREAM_FAILED: "skip"}
"""The same for a task, which is not run if one that it depends on has failed."""


def check_target(text: str) -> str:
    """A file's name, or a URL; a ValueError if it is a URL of another scheme."""
    return check_url(text) if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) else text


def is_collector(target: str) -> bool:
    """Whether a target is a URL rather than a file."""
    return target.lower().startswith(("https://", "http://"))


def collector_url(url: str) -> str:
    """The URL that takes traces: that of a collector alone gets the path that OTLP defines."""
    parts = urlsplit(url)
    return url if parts.path.strip("/") else parts._replace(path=TRACES_PATH).geturl()


def read_headers(environ: Mapping[str, str]) -> dict[str, str]:
    """The headers for the collector, as OpenTelemetry's variables have them; their values are secrets.

    A ValueError, without the text, if they are malformed.
    """
    text = next((environ[name] for name in HEADERS_VARIABLES if environ.get(name)), "")
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    headers = {name.strip(): unquote(value.strip()) for name, _, value in pairs}
    for value in headers.values():
        hide(value)
        for word in value.split():
            if len(word) >= MIN_SECRET_LENGTH:  # such as what follows `Bearer`
                hide(word)
    names_are_valid = all(re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", name) for name in headers)
    values_are_valid = all(value and re.fullmatch(r"[\x20-\x7e]+", value) for value in headers.values())
    if not (names_are_valid and values_are_valid and all(separator for _, separator, _ in pairs)):
        raise ValueError("it takes NAME=VALUE pairs, separated by commas")
    return headers


@dataclass(frozen=True)
class Parent:
    """The span that called this process, from the environment."""

    trace_id: str
    span_id: str
    flags: int
    state: str = ""


def read_parent(environ: Mapping[str, str]) -> Parent | None:
    """The parent in TRACEPARENT and TRACESTATE; None if there is none, or if it is malformed."""
    text = environ.get("TRACEPARENT", "").strip()
    found = re.fullmatch(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", text)
    if not found:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(span_id, 16):
        return None
    state = environ.get("TRACESTATE", "").strip()
    is_usable = len(state) <= MAX_TRACE_STATE and re.fullmatch(r"[\x20-\x7e]*", state)
    return Parent(trace_id, span_id, int(flags, 16), state if is_usable else "")


def render_trace(report: Report, environ: Mapping[str, str]) -> str:
    """The request that exports the runs, on one line."""
    parent = read_parent(environ)
    service = environ.get("OTEL_SERVICE_NAME") or "databricks"
    runs = [
        _resource_spans(reported, reported.run, report.made_at, parent, service)
        for reported in report.runs
        if reported.run
    ]
    return json.dumps({"resourceSpans": runs}, ensure_ascii=False, separators=(",", ":")) + "\n"


def add_histories(report: Report, api: JobsApi) -> Report:
    """The report with the repairs of its runs, as far as these can be read: a wait does not need them."""
    left = MAX_HISTORIES
    runs = []
    for reported in report.runs:
        run = reported.run
        if run and left and any(attempt.attempt_number for attempt in run.attempts):
            left -= 1
            with suppress(DbjobsError):
                payload = api.get_run(run.run_id, NO_RETRIES, include_history=True)
                run = Run({**run.payload, "repair_history": payload.get("repair_history")})
        runs.append(replace(reported, run=run))
    return replace(report, runs=tuple(runs))


def send_trace(url: str, data: bytes, streams: Streams, clock: Clock, *, may_wait: bool) -> None:
    """Send the request to a collector; what it does not take is a warning."""
    host = urlsplit(url).hostname
    try:
        headers = {**read_headers(streams.environ), "Content-Type": "application/json"}
    except ValueError as error:
        name = next(name for name in HEADERS_VARIABLES if streams.environ.get(name))
        streams.warn(f"the trace was not sent: {name} is malformed: {error}")
        return
    problem = deliver(collector_url(url), data, headers, clock, retried=OTLP_RETRIED, may_wait=may_wait)
    if problem:
        streams.warn(f"the trace was not delivered: {problem}")
    else:
        streams.detail(f"{host} has the trace")


def _resource_spans(reported: ReportedRun, run: Run, now: float, parent: Parent | None, service: str) -> Json:
    resource = {"service.name": service, **_run_identity(run)}
    spans = list(_RunSpans(reported, run, now, parent).make())
    scope = {"scope": {"name": "dbjobs", "version": __version__}, "spans": spans}
    return {"resource": {"attributes": _attributes(resource)}, "scopeSpans": [scope]}


def _run_identity(run: Run) -> Json:
    return {
        "cicd.pipeline.name": run.run_name,
        "cicd.pipeline.run.id": str(run.run_id),
        "cicd.pipeline.run.url.full": run.run_page_url,
    }


@dataclass
class _RunSpans:
    """The spans of one run."""

    reported: ReportedRun
    run: Run
    now: float
    """epoch seconds: when what has not ended was last seen"""
    parent: Parent | None

    def __post_init__(self) -> None:
        self._seed = f"{self.run.run_page_url} {self.run.run_id}"
        self._trace_id = self.parent.trace_id if self.parent else self._make_id("trace", 16)
        self._run_span = self._make_id("run", 8)
        self._pass_spans = {
            run_id: self._make_id(f"repair {repair['id']}", 8)
            for repair in repairs_of(self.run.payload)
            for run_id in repair.get("task_run_ids") or ()
        }

    def _make_id(self, what: str, size: int) -> str:
        return hashlib.sha256(f"{self._seed} {what}".encode()).hexdigest()[: 2 * size]

    def make(self) -> Iterator[Json]:
        """The span of the run first."""
        yield self._make_run_span()
        for repair in repairs_of(self.run.payload):
            view = Run({"run_id": self.run.run_id, **repair})
            facts = {"databricks.repair.id": str(repair["id"]), **_states(view)}
            span_id = self._make_id(f"repair {repair['id']}", 8)
            yield self._span("repair", span_id, self._run_span, view, facts)
        for task in self.reported.tasks:
            for attempt in task.attempts:
                if attempt.task.start_time and attempt.task.run_id:
                    yield self._make_task_span(attempt)

    def _make_run_span(self) -> Json:
        run = self.run
        result = RESULTS[run.outcome] if run.outcome else None
        facts = {
            "cicd.pipeline.action.name": "RUN",
            "cicd.pipeline.result": result,
            **_run_identity(run),
            "error.type": _state_of(run) if result in ("failure", "error") else None,
            "databricks.job.id": run.job_id and str(run.job_id),
            **_states(run),
        }
        parent = self.parent.span_id if self.parent else ""
        span = self._span(f"RUN {run.run_name}", self._run_span, parent, run, facts)
        if not self.reported.tasks:  # a run of API 2.0 is its own only task
            span["events"] = [_exception(task.attempts[-1]) for task in self.reported.failed_tasks]
        return span

    def _make_task_span(self, attempt: Attempt) -> Json:
        task = attempt.task
        result = TASK_RESULTS[task.outcome] if task.outcome else None
        error_type = _exception_type(attempt) or _state_of(task)
        facts = {
            "cicd.pipeline.task.name": task.task_key,
            "cicd.pipeline.task.run.id": str(task.run_id),
            "cicd.pipeline.task.run.url.full": task.run_page_url or self.run.run_page_url,
            "cicd.pipeline.task.run.result": result,
            "error.type": error_type if result in ("failure", "error") else None,
            "databricks.attempt_number": task.attempt_number,
            **_states(task),
        }
        parent = self._pass_spans.get(task.run_id or 0, self._run_span)
        span = self._span(task.task_key, self._make_id(f"task {task.run_id}", 8), parent, task, facts)
        return {**span, "events": [_exception(attempt)]} if attempt.failure else span

    def _span(self, name: str, span_id: str, parent: str, run: Run | TaskRun, facts: Json) -> Json:
        start = run.start_time or 0
        end = max(start, run.end_time or (start if run.is_ended else int(self.now * 1000)))
        is_failure = run.outcome is not None and run.outcome.is_failure
        span: Json = {
            "traceId": self._trace_id,
            "spanId": span_id,
            "parentSpanId": parent,
            "traceState": self.parent.state if self.parent else "",
            "flags": _flags(self.parent, is_remote=bool(self.parent) and span_id == self._run_span),
            "name": name,
            "kind": SERVER if span_id == self._run_span else INTERNAL,
            "startTimeUnixNano": _nanoseconds(start),
            "endTimeUnixNano": _nanoseconds(end),
            "attributes": _attributes(facts),
            "status": {"code": STATUS_ERROR, "message": run.message or run.shown_state} if is_failure else {},
        }
        return {name: value for name, value in span.items() if value not in ("", {})}


def _flags(parent: Parent | None, *, is_remote: bool) -> int:
    """The flags of the trace, and whether the parent is in another process, which is known."""
    return (parent.flags if parent else 1) | 0x100 | (0x200 if is_remote else 0)


def _states(run: Run | TaskRun) -> Json:
    milliseconds = {
        f"databricks.{part}_duration_ms": run.payload.get(f"{part}_duration")
        for part in ("queue", "setup", "execution", "cleanup")
    }
    return {
        "databricks.life_cycle_state": run.life_cycle_state,
        "databricks.result_state": run.result_state,
        "databricks.termination_code": run.termination_code,
        **{name: value for name, value in milliseconds.items() if value},
    }


def _state_of(run: Run | TaskRun) -> str:
    return run.termination_code or run.result_state or run.life_cycle_state or "_OTHER"


def _exception_type(attempt: Attempt) -> str:
    """The class of the exception that made an attempt fail, if its error begins with one."""
    error = attempt.failure.error if attempt.failure else ""
    found = re.search(
        r"(?:^|: )((?:[\w$]+\.)*[A-Z][\w$]*(?:Error|Exception|Failure|Exit|Interrupt))(?::|$)", error
    )
    return found[1] if found else ""


def _exception(attempt: Attempt) -> Json:
    failure = attempt.failure
    facts = {
        "exception.type": _exception_type(attempt) or None,
        "exception.message": failure.error if failure else None,
        "exception.stacktrace": failure.trace or None if failure else None,
    }
    time = _nanoseconds(attempt.task.end_time or attempt.task.start_time or 0)
    return {"timeUnixNano": time, "name": "exception", "attributes": _attributes(facts)}


def _nanoseconds(milliseconds: int) -> str:
    """64-bit integers are text in the JSON of protobuf."""
    return str(max(0, int(milliseconds)) * 1_000_000)


def _attributes(facts: Json) -> list[Json]:
    """Without the facts that are None."""
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in facts.items()
        if value is not None
    ]
