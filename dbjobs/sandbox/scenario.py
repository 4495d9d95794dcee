"""What goes wrong, and when: rules over requests, tasks and runs.

A rule applies when everything in its `when` matches; the first rule that applies decides, by its `then`.
Rules count: `nth`, `first`, `last` and `every` are about the occasions at which everything else in the `when`
matched. Nothing here acts by itself: given requests and attempts, it returns faults and outcomes, which the
server and the engine carry out.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any, Generic, TypeVar

ERROR_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    429: "REQUEST_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}


@dataclass(frozen=True)
class Occasion:
    """Something that happens: a request, with the job and task it is about; a task that starts; a run."""

    job: str = ""
    task: str = ""
    attempt: int | None = None
    endpoint: str = ""
    """Its path within the Jobs API, such as `runs/get`; of others, the path itself."""
    method: str = ""


@dataclass(frozen=True, kw_only=True)
class When:
    """The occasions of a rule; what is left out does not matter. Names may hold `*`."""

    job: str = "*"
    """The name of the job, or of the one-time run."""
    nth: int = 0
    """The one occasion of this number."""
    first: int = 1
    last: int = 0
    """0: there is no last."""
    every: int = 1
    for_seconds: float = 0.0
    """Once it has applied, it applies to all that matches for this many seconds."""

    def matches(self, occasion: Occasion) -> bool:
        return fnmatchcase(occasion.job, self.job)

    def counts(self, number: int) -> bool:
        """Whether it is about the occasion of that number, from 1."""
        if self.nth:
            return number == self.nth
        return self.first <= number <= (self.last or number) and number % self.every == 0


@dataclass(frozen=True, kw_only=True)
class WhenTask(When):
    """The occasions of a rule over tasks."""

    task: str = "*"
    attempt: int | None = None
    """Its attempt_number: 0 is the first."""

    def matches(self, occasion: Occasion) -> bool:
        return (
            super().matches(occasion)
            and fnmatchcase(occasion.task, self.task)
            and self.attempt in {None, occasion.attempt}
        )


@dataclass(frozen=True, kw_only=True)
class WhenRequest(WhenTask):
    """The occasions of a rule over requests."""

    endpoint: str | list[str] = "*"
    method: str = "*"

    def matches(self, occasion: Occasion) -> bool:
        patterns = [self.endpoint] if isinstance(self.endpoint, str) else self.endpoint
        return (
            super().matches(occasion)
            and any(fnmatchcase(occasion.endpoint, one) for one in patterns)
            and fnmatchcase(occasion.method, self.method)
        )


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong with a request.

    Without `status`, `body`, `html`, `close` or `hang` it is answered normally.
    """

    status: int = 0
    body: Any = None
    """Text goes out as it is, anything else as JSON."""
    html: bool = False
    """A web page, as of a proxy or of a login."""
    headers: dict[str, Any] = field(default_factory=dict)
    retry_after: int | str | None = None
    """Seconds, or an HTTP date."""
    close: bool = False
    """The connection breaks, without a response."""
    hang: bool = False
    """No answer ever comes."""
    took_effect: bool = False
    """The request is carried out before its answer is replaced."""
    latency: float = 0.0
    """Seconds until the answer."""
    truncate: int | None = None
    """The answer ends after that many bytes."""
    expire_token: bool = False
    """The token of the request is not valid from now on."""
    invisible_for: float = 0.0
    """Seconds for which the run that it started cannot be seen."""

    @property
    def replaces(self) -> bool:
        """Whether another answer comes than the request would get, or none."""
        return bool(self.status or self.body is not None or self.html or self.close or self.hang)

    def reply(self) -> tuple[int, str, str]:
        """Status, body and content type of the answer in place of the real one."""
        status = self.status or 200
        phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else str(status)
        if self.html:
            title = "Sign in" if status == 200 else phrase
            return status, f"<!doctype html><title>{title}</title><h1>{title}</h1>", "text/html"
        if isinstance(self.body, str):
            return status, self.body, "application/json"
        error = {"error_code": ERROR_CODES.get(status, phrase.upper().replace(" ", "_")), "message": phrase}
        return status, json.dumps(error if self.body is None else self.body), "application/json"

    def more_headers(self) -> dict[str, str]:
        after = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return {name: str(value) for name, value in self.headers.items()} | after


@dataclass(frozen=True, kw_only=True)
class PlannedOutcome:
    """How a run ends, whatever its tasks did."""

    result_state: str = ""
    life_cycle_state: str = ""
    """TERMINATED, SKIPPED or INTERNAL_ERROR; left out, what goes with the result_state."""
    state_message: str = ""
    running_as: str = ""
    """The life_cycle_state that is shown in place of RUNNING."""
    queued_for: float = 0.0
    """Seconds in the queue, at time scale 1."""

    @property
    def is_ending(self) -> bool:
        """Whether it says how it ends."""
        return bool(self.result_state or self.life_cycle_state)


@dataclass(frozen=True, kw_only=True)
class TaskOutcome(PlannedOutcome):
    """How an attempt at a task ends, without running it; with only the times given, it is run."""

    setup: float | None = None
    """Seconds of set-up, at time scale 1."""
    lasts: float = 0.0
    """Seconds of running."""
    error: str = ""
    error_trace: str = ""
    logs: str = ""
    log_bytes: int = 0
    """How long its logs are filled up to be."""
    notebook_result: str | None = None
    output: dict[str, Any] = field(default_factory=dict)
    """More fields of get-output, such as `sql_output`."""

    @property
    def is_ending(self) -> bool:
        texts = (self.error, self.error_trace, self.logs, self.log_bytes, self.output)
        return super().is_ending or any(texts) or self.notebook_result is not None


@dataclass(frozen=True, kw_only=True)
class PastTaskOutcome(TaskOutcome):
    """How an attempt of a past run ended."""

    times: float = 1.0
    """How many times as long as usual it ran."""


When_ = TypeVar("When_", bound=When)
Then = TypeVar("Then")


@dataclass(eq=False)
class Rule(Generic[When_, Then]):
    """One rule, and what it has seen."""

    when: When_
    then: Then
    seen: int = 0
    until: float = 0.0

    def applies(self, occasion: Occasion, now: float) -> bool:
        if not self.when.matches(occasion):
            return False
        self.seen += 1
        if now < self.until:
            return True
        if not self.when.counts(self.seen):
            return False
        self.until = now + self.when.for_seconds
        return True


@dataclass(eq=False)
class Scenario:
    """All the rules; `now` is any clock's seconds."""

    description: str = ""
    requests: list[Rule[WhenRequest, Fault]] = field(default_factory=list)
    tasks: list[Rule[WhenTask, TaskOutcome]] = field(default_factory=list)
    runs: list[Rule[When, PlannedOutcome]] = field(default_factory=list)
    past_runs: int = 0
    """How many runs each job has had when it is created."""
    past_interval: float = 86_400.0
    """Seconds between their starts."""
    past_spread: float = 0.1
    """The standard deviation of how long their parts took, relative to what is usual."""
    past_tasks: list[Rule[WhenTask, PastTaskOutcome]] = field(default_factory=list)
    """Here `nth` and the like count the past runs, the oldest first."""
    requests_per_minute: int = 0
    """Beyond it, requests are answered with 429 and a Retry-After; 0: there is no limit."""
    token_lifetime: int = 3600
    """Seconds for which the token endpoint's tokens are valid."""
    _times: deque[float] = field(default_factory=deque)

    def fault(self, occasion: Occasion, now: float) -> Fault | None:
        """What goes wrong with a request, if anything."""
        found = _first(self.requests, occasion, now)
        return self._limit(now) or found

    def task_outcome(self, occasion: Occasion, now: float) -> TaskOutcome | None:
        return _first(self.tasks, occasion, now)

    def run_outcome(self, occasion: Occasion, now: float) -> PlannedOutcome | None:
        return _first(self.runs, occasion, now)

    def _limit(self, now: float) -> Fault | None:
        """The answer to a request beyond the limit; refused requests do not count."""
        if not self.requests_per_minute:
            return None
        while self._times and self._times[0] <= now - 60:
            self._times.popleft()
        if len(self._times) < self.requests_per_minute:
            self._times.append(now)
            return None
        return Fault(status=429, retry_after=int(self._times[0] + 60 - now) + 1)


def _first(rules: list[Rule[When_, Then]], occasion: Occasion, now: float) -> Then | None:
    """What the first rule that applies says; all of them count."""
    applying = [rule for rule in rules if rule.applies(occasion, now)]
    return applying[0].then if applying else None
