"""Pages of the Jobs API: fetching one after the other, and filtering the items of a list."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from dbjobs.api.models import Run
from dbjobs.api.states import LIFE_CYCLE_STATES, STATUS_STATES
from dbjobs.errors import UnreachableError
from dbjobs.http.response import Payload

Pages = Iterator[list[Payload]]
"""The items of a list, a page at a time, as the server sends them."""

FetchPage = Callable[[Payload], Payload]
"""Fetches a page: the first by `{}`, another by its `page_token` or `offset`."""

Warn = Callable[[str], None]

MAX_PAGES = 1000
"""Of one run or job; each page has a hundred elements."""

MAX_PAGES_WITHOUT_NEW_ITEMS = 100
"""In a row: a list that continues without a new item has no end."""

REMEMBERED_IDS = 5000
"""Pages overlap if new items shift the old ones, but by no more than this."""

_API_FILTERS = ("job_id", "active_only", "completed_only", "run_type")
_TIMES = ("start_time_from", "start_time_to")


@dataclass(frozen=True)
class RunFilter:
    """Which runs to list. Times are epoch milliseconds, both ends included."""

    job_id: int | None = None
    active_only: bool | None = None
    completed_only: bool | None = None
    run_type: str | None = None
    start_time_from: int | None = None
    start_time_to: int | None = None
    is_failed: bool = False
    """This and what follows the API cannot filter by: it is done here, in every version."""
    is_good: bool = False
    result_state: str | None = None
    user: str | None = None
    """a name as the API has it, or what stands before its `@`; capitals do not count"""
    trigger: str | None = None

    @property
    def has_times(self) -> bool:
        return self.start_time_from is not None or self.start_time_to is not None

    @property
    def is_sparse(self) -> bool:
        """True if a page may hold fewer of the wanted runs than the server was asked for."""
        return bool(self.is_failed or self.is_good or self.result_state or self.user or self.trigger)

    def query(self, version: str) -> Payload:
        """The parameters of runs/list; those of 2.0 have no times."""
        names = _API_FILTERS if version == "2.0" else (*_API_FILTERS, *_TIMES)
        return {name: getattr(self, name) for name in names}

    def matches(self, run: Payload) -> bool:
        """Whether a listed run passes the filter, which some servers ignore."""
        state, is_ended = Run(run).life_cycle_state, Run(run).is_ended
        is_active = state in {**LIFE_CYCLE_STATES, **STATUS_STATES} and not is_ended
        start = run.get("start_time") or 0
        return (
            (self.job_id is None or run.get("job_id") in (None, self.job_id))
            and (self.run_type is None or run.get("run_type") in (None, self.run_type))
            and not (self.active_only and is_ended)
            and not (self.completed_only and is_active)
            and (self.start_time_to is None or start <= self.start_time_to)
            and start >= (self.start_time_from or 0)
            and (not self.is_sparse or self._matches_here(Run(run)))
        )

    def _matches_here(self, run: Run) -> bool:
        """What the API has no filter for; what a run does not say of itself, it is not."""
        outcome = run.outcome
        user = (run.payload.get("creator_user_name") or "").casefold()
        wanted = (self.user or "").casefold()
        return (
            not (self.is_failed and not (outcome and outcome.is_failure))
            and not (self.is_good and not (outcome and outcome.is_good))
            and self.result_state in (None, run.result_state, run.shown_state)
            and (not wanted or wanted in (user, user.partition("@")[0]))
            and self.trigger in (None, run.payload.get("trigger"))
        )

    def is_too_early(self, run: Payload) -> bool:
        """True if no run that is listed after this one can be within the times.

        Lists are in the order of start, or of end where there is one, the latest first: in either
        order, what comes after a run that ended before `start_time_from` started before it, too.
        """
        return (run.get("end_time") or run.get("start_time") or 0) < (self.start_time_from or 0)

    def apply(self, pages: Iterable[list[Payload]]) -> Pages:
        """The runs that match, until no later one can be within the times."""
        for page in pages:
            yield [run for run in page if self.matches(run)]
            if page and self.is_too_early(page[-1]):
                return


def read_pages(fetch: FetchPage, array: str | None = None) -> Iterator[Payload]:
    """Every page of a response; a token that is empty, or was seen before, ends it.

    `array` names the items of a list, which are counted by offset if the server gives no tokens.
    Without it the response is one run or job, and has at most MAX_PAGES.
    """
    tokens: set[str] = set()
    position: Payload = {}
    received = 0
    while True:
        page = fetch(position)
        yield page
        token = page.get("next_page_token")
        items = page.get(array) or () if array else ()
        received += len(items)
        if token and token not in tokens:
            tokens.add(token)
            position = {"page_token": token}
        elif items and page.get("has_more") and not token:
            position = {"offset": received}
        else:
            return
        if array is None and len(tokens) == MAX_PAGES:
            raise UnreachableError(f"the server's answer has more than {MAX_PAGES:,} pages")


def list_items(fetch: FetchPage, noun: str, warn: Warn) -> Pages:
    """Every item of a list of `noun`s, once; warns if the server has more than it returns."""
    latest: set[object] = set()
    earlier: set[object] = set()
    pages_without_new_items = 0
    for page in read_pages(fetch, f"{noun}s"):
        items = page.get(f"{noun}s") or []
        by_id = [(item.get(f"{noun}_id"), item) for item in items]
        new = [item for item_id, item in by_id if item_id not in latest and item_id not in earlier]
        yield new
        pages_without_new_items = 0 if new else pages_without_new_items + 1
        if pages_without_new_items == MAX_PAGES_WITHOUT_NEW_ITEMS:
            break
        latest.update(item_id for item_id, _ in by_id)
        if len(latest) >= REMEMBERED_IDS:
            latest, earlier = set(), latest
    if page.get("next_page_token") or page.get("has_more"):
        warn(
            f"the server has more {noun}s, but gives no token for the next page: this list may be incomplete"
        )


def take(pages: Iterable[list[Payload]], limit: int | None) -> Pages:
    """The first `limit` items, or all; fetches no more pages than needed."""
    left = limit
    for page in pages:
        yield page if left is None else page[:left]
        if left is not None:
            left -= len(page)
            if left <= 0:
                return


def name_of(job: Payload) -> str:
    """A job's name; many have none."""
    return str((job.get("settings") or {}).get("name") or "")
