"""Lists of the Jobs API: which items are wanted, and how to come from page to page."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass

from dbjobs.api.models import Run
from dbjobs.api.states import LIFE_CYCLE_STATES, STATUS_STATES
from dbjobs.http.response import Payload

Pages = Iterator[list[Payload]]
"""The items of a list, a page at a time, as the server sends them."""

Ask = Callable[[Payload], Payload]
"""Asks for the page at a place: `{}` is the first, then a `page_token` or an `offset`."""

MAX_PAGES_WITHOUT_NEWS = 100
"""In a row: a list that goes on without an item has no end."""

Warn = Callable[[str], None]

_TIMES = ("start_time_from", "start_time_to")

KNOWN_AGAIN = 5000
"""Items; pages overlap where new ones push old ones on, and never by more than this."""


@dataclass(frozen=True)
class RunFilter:
    """Which runs to list. Times are epoch milliseconds, both ends included."""

    job_id: int | None = None
    active_only: bool | None = None
    completed_only: bool | None = None
    run_type: str | None = None
    start_time_from: int | None = None
    start_time_to: int | None = None

    @property
    def has_times(self) -> bool:
        return self.start_time_from is not None or self.start_time_to is not None

    def query(self, version: str) -> Payload:
        """As runs/list has it; 2.0 knows no times."""
        return {name: value for name, value in asdict(self).items() if version != "2.0" or name not in _TIMES}

    def admits(self, run: Payload) -> bool:
        """Whether a run may belong: some servers ignore a filter."""
        state, is_ended = Run(run).life_cycle_state, Run(run).is_ended
        is_active = state in {**LIFE_CYCLE_STATES, **STATUS_STATES} and not is_ended
        return (
            (self.job_id is None or run.get("job_id") in (None, self.job_id))
            and (self.run_type is None or run.get("run_type") in (None, self.run_type))
            and not (self.active_only and is_ended)
            and not (self.completed_only and is_active)
            and self._is_in_time(run)
        )

    def _is_in_time(self, run: Payload) -> bool:
        start = run.get("start_time") or 0
        is_early_enough = self.start_time_to is None or start <= self.start_time_to
        return is_early_enough and start >= (self.start_time_from or 0)

    def is_passed(self, run: Payload) -> bool:
        """True if no run that is listed after this one can be within the times.

        Lists go by start, or by end where there is one, the latest first: in either order,
        what comes after a run that ended before `start_time_from` started before it, too.
        """
        return (run.get("end_time") or run.get("start_time") or 0) < (self.start_time_from or 0)


def follow(ask: Ask, noun: str, warn: Warn) -> Pages:
    """Every item of the list of `noun`s, once: by tokens, or by offsets where the server gives none."""
    tokens: set[str] = set()
    seen = _Seen()
    place: Payload = {}
    received = pages_without_news = 0
    while pages_without_news < MAX_PAGES_WITHOUT_NEWS:
        page = ask(place)
        items = page.get(f"{noun}s") or []
        received += len(items)
        new = [item for item in items if item.get(f"{noun}_id") not in seen]
        yield new
        pages_without_news = 0 if new else pages_without_news + 1
        seen.add(item.get(f"{noun}_id") for item in items)
        token = page.get("next_page_token")
        if token and token not in tokens:
            place = {"page_token": token}
            tokens.add(token)
        elif page.get("has_more") and items and not token:
            place = {"offset": received}
        else:
            break
    if token or page.get("has_more"):
        warn(f"the server has more {noun}s, but does not say where: this list may be incomplete")


class _Seen:
    """The ids of the KNOWN_AGAIN latest items, or of more, in two halves: memory stays flat."""

    def __init__(self) -> None:
        self._latest: set[object] = set()
        self._before: set[object] = set()

    def __contains__(self, item_id: object) -> bool:
        return item_id in self._latest or item_id in self._before

    def add(self, item_ids: Iterable[object]) -> None:
        self._latest.update(item_ids)
        if len(self._latest) >= KNOWN_AGAIN:
            self._latest, self._before = set(), self._latest


def take(pages: Iterable[list[Payload]], limit: int | None) -> Pages:
    """The first `limit` items, all if None; no page is asked for in vain."""
    left = limit
    for page in pages:
        yield page if left is None else page[:left]
        if left is not None:
            left -= len(page)
            if left <= 0:
                return


def within(wanted: RunFilter, pages: Iterable[list[Payload]]) -> Pages:
    """Keep to a filter, and stop where no run within its times can follow."""
    for page in pages:
        yield [run for run in page if wanted.admits(run)]
        if page and wanted.is_passed(page[-1]):
            return


def named(name: str, pages: Iterable[list[Payload]]) -> Pages:
    """The jobs of a name, in whatever case, as the API's own filter has it."""
    for page in pages:
        yield [job for job in page if name_of(job).lower() == name.lower()]


def name_of(job: Payload) -> str:
    """A job's name; many have none."""
    return str((job.get("settings") or {}).get("name") or "")
