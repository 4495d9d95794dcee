"""Backfills: a job run once for each of many sets of parameters, whatever interrupts it.

Every set has an idempotency token made from it, so nothing must be remembered between two
calls: to start a set again is to be given its run. Pure, but for what is handed in.
"""

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from dbjobs.api.models import Run
from dbjobs.api.states import Outcome
from dbjobs.common.documents import Document, DocumentError, read_document
from dbjobs.errors import DbjobsError, OutcomeUnknownError, RefusedError, UsageError
from dbjobs.http.response import Payload
from dbjobs.jobfiles.parameters import as_parameter_strings
from dbjobs.runs.outages import is_refusal, may_differ
from dbjobs.runs.snapshots import WatchedRun

MOST_SETS = 10_000
"""The API starts no more runs in an hour."""

MOST_FAILURES = 5
"""So many starts that fail on end are an outage of all of them."""

Values = dict[str, str]
"""One set of parameters."""


def read_sets(text: str, name: str) -> list[Values]:
    """The sets in a file: CSV, JSON lines, or a list in YAML or JSON; told apart by content.

    `name` is the file's, for a UsageError, which names a line and quotes nothing.
    """
    text = text.removeprefix("\ufeff")
    try:
        sets = list(_read(text))
    except (DocumentError, csv.Error, UsageError) as error:
        raise UsageError(f"{name}: {error}", hint=getattr(error, "hint", None)) from None
    if not sets:
        raise UsageError(f"{name} holds no set of parameters")
    return sets


def _read(text: str) -> Iterator[Values]:
    first = text.lstrip()[:2]
    if first.startswith("{"):
        return _read_json_lines(text)
    if first.startswith("[") or re.match(r"-\s", first) or text.lstrip().startswith(("---", "#")):
        if re.search(r"\n---\s*(\n|$)", text.lstrip()):
            raise DocumentError("it holds several YAML documents; put the sets into one list")
        return _read_list(read_document(text))
    return _read_csv(text)


def _read_json_lines(text: str) -> Iterator[Values]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield _as_set(json.loads(line), number)
            except ValueError:
                raise DocumentError("each line must be a JSON object", number) from None


def _read_list(document: Document) -> Iterator[Values]:
    if not isinstance(document.value, list):
        raise DocumentError("it must be a list with a set of parameters each", 1)
    for place, value in enumerate(document.value):
        yield _as_set(value, document.line_of([place]) or place + 1)


def _as_set(value: object, line: int) -> Values:
    if not isinstance(value, dict) or not value:
        raise DocumentError("a set of parameters is a mapping of names to values", line)
    return as_parameter_strings(value, f"line {line}")


def _read_csv(text: str) -> Iterator[Values]:
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)  # the first of equals: the comma
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [name.strip() for name in next(reader, [])]
    if len(names) == 1 and re.match(r"[\w.-]+:(\s|$)", names[0]):
        raise DocumentError("this is a YAML mapping; put the sets into a list, each after a dash", 1)
    if any(map(_is_value, names)):
        raise DocumentError("the first line has to name the parameters, and it holds values", 1)
    if not all(names) or len(set(names)) != len(names):
        raise DocumentError("the first line has to name the parameters, each once", 1)
    for row in reader:
        if len(row) == len(names):
            yield dict(zip(names, row, strict=True))
        elif row:
            raise DocumentError(f"there are {len(row)} values for {len(names)} names", reader.line_num)


def _is_value(heading: str) -> bool:
    """Whether the heading of a column is a number or a date, so that the file has no line of headings."""
    return bool(re.fullmatch(r"[-+]?[0-9.]+|[0-9]{4}-[0-9]{2}(-[0-9]{2}.*)?", heading))


def read_days(text: str, name: str) -> list[Values]:
    """`2026-01-01..2026-01-31`: a set for each day, the last one included, under a parameter's name."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)", text.strip())
    try:
        first, last = (date.fromisoformat(day) for day in found.groups()) if found else (None, None)
    except ValueError:
        first = last = None
    if first is None or last is None:
        raise UsageError(
            f"invalid date range {text!r}", hint="give the first and last day, as in 2026-01-01..2026-01-31"
        )
    if last < first:
        raise UsageError(f"invalid date range {text!r}: it ends before it begins")
    number = min((last - first).days + 1, MOST_SETS + 1)
    return [{name: (first + timedelta(days)).isoformat()} for days in range(number)]


def label_sets(sets: Sequence[Values]) -> list[str]:
    """What tells each set from the others: the parameters in which they differ, `day=2026-01-01, n=1`."""
    differing = [
        name
        for name in dict.fromkeys(name for one in sets for name in one)
        if len({one.get(name) for one in sets}) > 1
    ]
    names = differing or list(sets[0])
    labels = [", ".join(f"{name}={one[name]}" for name in names if name in one) for one in sets]
    # values may hold commas, so that different sets are spelled alike
    number = Counter(labels)
    return [f"{label} (set {n})" if number[label] > 1 else label for n, label in enumerate(labels, 1)]


def make_token(job_id: int, body: Payload, batch: str, attempt: int = 0) -> str:
    """The same for the same request, whenever it is made; 63 characters of the 64 that there may be."""
    request = json.dumps([job_id, body, batch, attempt], sort_keys=True)
    return "dbjobs-" + hashlib.sha256(request.encode()).hexdigest()[:56]


@dataclass(frozen=True)
class Wanted:
    """One run that there must be: the body of its request, and what it is called."""

    label: str
    body: Payload


def want_each(sets: Sequence[Values], make_body: Callable[[Values], Payload]) -> list[Wanted]:
    """A run for each different set, in their order."""
    if len(sets) > MOST_SETS:
        raise UsageError(f"these are more than {MOST_SETS:,} sets of parameters", hint="split them")
    distinct = list({json.dumps(one, sort_keys=True): one for one in sets}.values())
    return [Wanted(label, make_body(one)) for one, label in zip(distinct, label_sets(distinct), strict=True)]


Start = Callable[[Payload, str], int]
"""Starts a run by its body and token, or finds the one that was; returns its run_id."""

Look = Callable[[int], Run | None]
"""Reads a run; None if it cannot be seen yet."""


@dataclass
class Backfill:
    """The runs that there have to be, started one after the other as there is room: `watch.PendingStarts`."""

    wanted: Sequence[Wanted]
    job_id: int
    batch: str
    most_active: int
    start: Start
    look: Look
    refuse: Callable[[str, DbjobsError], None]
    """hears of a set that the workspace refuses"""
    newest_before: int = 0
    """when the job's newest run started, in epoch milliseconds, before this backfill came"""
    refused: dict[str, DbjobsError] = field(default_factory=dict)
    """by label"""
    uncertain: list[str] = field(default_factory=list)
    """the labels of sets that may have been started, or not: no usable answer came"""
    _started: dict[int, WatchedRun] = field(default_factory=dict)
    _put_off: list[str] = field(default_factory=list)
    """labels of sets whose start has just failed: others are tried before them"""

    def __post_init__(self) -> None:
        self._queue = {wanted.label: wanted for wanted in self.wanted}

    @property
    def started(self) -> list[WatchedRun]:
        """In the order of their starts; those whose start was never answered are missing."""
        return list(self._started.values())

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @property
    def unstarted(self) -> list[str]:
        """The labels of the sets that are still to come."""
        started = {watched.label for watched in self._started.values()}
        return [label for label in self._queue if label not in self.uncertain and label not in started]

    @property
    def not_started(self) -> dict[str, str]:
        """The sets that have no run, by label in the order given, each with the reason."""
        unstarted = set(self.unstarted)
        reasons = {label: f"refused: {error.message}" for label, error in self.refused.items()}
        reasons |= dict.fromkeys(self.uncertain, "may have been started, or not")
        reasons |= dict.fromkeys(unstarted, "not started")
        return {one.label: reasons[one.label] for one in self.wanted if one.label in reasons}

    def start_next(self, active: int) -> WatchedRun | None:
        """Start the next set if fewer than `most_active` runs are active; what is refused is passed over.

        A set whose start fails is put off, so that it does not hold up all others. After a few such
        failures on end, or when no other set is left, the error is raised.
        """
        if active >= self.most_active:
            self._put_off.clear()
            return None
        failures = 0
        while wanted := next((one for label, one in self._queue.items() if label not in self._put_off), None):
            try:
                watched = self._start(wanted)
            except DbjobsError as error:
                if isinstance(error, RefusedError) and (is_refusal(error) or not error.answer):
                    self._pass_over(wanted, error)
                    continue
                failures += 1
                self._put_off.append(wanted.label)
                is_last = len(self._put_off) == len(self._queue)
                if not may_differ(error) or failures == MOST_FAILURES or is_last:
                    self._put_off.clear()
                    raise
            else:
                del self._queue[wanted.label]
                return watched
        self._put_off.clear()
        return None

    def _pass_over(self, wanted: Wanted, error: RefusedError) -> None:
        """One set may be refused; if it is the first, all will be."""
        if not self._started and not self.refused:
            raise error
        del self._queue[wanted.label]
        self.refused[wanted.label] = error
        self.refuse(wanted.label, error)

    def find_uncertain(self, label: str) -> WatchedRun:
        """To ask with the same token again gives the run that was started, if one was."""
        return self._start(self._queue[label])

    def _start(self, wanted: Wanted) -> WatchedRun:
        """The set's run. One of an earlier call that never ran is no reason not to start another."""
        attempt = 0
        while True:
            run_id = self._start_once(wanted, attempt)
            run = self.look(run_id)
            if not self._is_of_old(run) or run is None or run.outcome is not Outcome.NEVER_RAN:
                self._started[run_id] = replace(self._started[run_id], run=run)
                return self._started[run_id]
            del self._started[run_id]
            attempt += 1

    def _start_once(self, wanted: Wanted, attempt: int) -> int:
        """At every moment, whatever interrupts it, the run is among the started ones or uncertain."""
        label = wanted.label
        was_uncertain = label in self.uncertain
        if not was_uncertain:
            self.uncertain.append(label)
        try:
            run_id = self.start(wanted.body, make_token(self.job_id, wanted.body, self.batch, attempt))
        except DbjobsError as error:
            if not was_uncertain and not isinstance(error, OutcomeUnknownError):
                self.uncertain.remove(label)
            raise
        self._started[run_id] = WatchedRun(run_id, label=label, is_known=True)
        self.uncertain.remove(label)
        return run_id

    def _is_of_old(self, run: Run | None) -> bool:
        return bool(run and run.start_time and run.start_time <= self.newest_before)
