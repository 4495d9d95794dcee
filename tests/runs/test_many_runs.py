"""Watching many runs at once: lists spare most of the requests, and never tell of an end.

A workspace of runs of one job, by a fake clock; what is asked of it is counted.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.api.models import Run
from dbjobs.api.paging import RunFilter
from dbjobs.errors import Answer, DbjobsError, RefusedError, UnreachableError
from dbjobs.http.response import Payload
from dbjobs.http.retry import RetryPolicy
from dbjobs.runs.active_runs import ROUNDS_WITHOUT_LIST
from dbjobs.runs.reader import LISTED_FOR, MOST_CHILDREN, RunReader
from dbjobs.runs.schedule import Schedule
from dbjobs.runs.snapshots import Ending, Snapshot, exit_code_of
from dbjobs.runs.watching import watch_runs
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import FakeClock, FetchOnly, Received, Reply

JOB = 7
PAGE = 25
STEADY = Schedule(interval=60, maximum=60, jitter=0)


def an_error(status: int, retry_after: float | None = None) -> DbjobsError:
    answer = Answer(status)
    if status in (429, 500):
        return UnreachableError("not ready", answer=answer, retry_after=retry_after)
    return RefusedError("no", answer=answer)


@dataclass
class Job:
    """Stands in for the API: the runs of one job, each with the second of its end."""

    ends: dict[int, float]
    clock: FakeClock = field(default_factory=FakeClock)
    tasks: int = 1
    listed_tasks: int = 1
    has_more: bool = False
    lag: float = 0.0
    """seconds for which a list goes on telling of a run that has ended"""
    list_errors: dict[float, DbjobsError] = field(default_factory=dict)
    """what a list meets from a second on"""
    run_errors: dict[float, DbjobsError] = field(default_factory=dict)
    """the same for a run"""
    others: int = 0
    """active runs that nobody watches, listed first"""
    asked: list[tuple[float, str]] = field(default_factory=list)
    told_ends: list[tuple[str, int]] = field(default_factory=list)

    def list_runs(self, wanted: RunFilter, **_: Any) -> Iterable[list[Payload]]:
        assert (wanted.job_id, wanted.active_only) == (JOB, True)
        active = [self.run(run_id, tasks=self.listed_tasks) for run_id in range(-self.others, 0)]
        active += [
            {**self.run(run_id, tasks=self.listed_tasks, lag=self.lag), "has_more": self.has_more}
            for run_id, end in self.ends.items()
            if self.clock.time < end + self.lag
        ]
        for begin in range(0, max(1, len(active)), PAGE):
            self._note("runs/list", self.list_errors)
            yield active[begin : begin + PAGE]

    def get_run_page(self, run_id: int, *_: Any) -> Payload:
        self._note("runs/get", self.run_errors)
        if self.clock.time >= self.ends[run_id]:
            self.told_ends.append(("runs/get", run_id))
        return self.run(run_id, tasks=self.tasks)

    def _note(self, endpoint: str, errors: dict[float, DbjobsError]) -> None:
        self.asked.append((self.clock.time, endpoint))
        for at, error in errors.items():
            if at <= self.clock.time:
                raise error

    def run(self, run_id: int, *, tasks: int, lag: float = 0.0) -> Payload:
        is_over = self.clock.time >= self.ends.get(run_id, 1e9) + lag
        result = {"life_cycle_state": "TERMINATED", "result_state": "FAILED" if run_id % 2 else "SUCCESS"}
        state = result if is_over else {"life_cycle_state": "RUNNING"}
        keys = [
            {"run_id": run_id * 100 + place, "task_key": f"t{place}", "state": state}
            for place in range(tasks)
        ]
        return {"run_id": run_id, "job_id": JOB, "run_name": "one of many", "state": state, "tasks": keys}

    def watch(self, schedule: Schedule = STEADY) -> list[Snapshot]:
        reader = RunReader(self)  # type: ignore[arg-type]  # as much of the API as a reader needs
        return list(watch_runs(list(self.ends), reader, self.clock, schedule))

    def requests(self, endpoint: str = "", since: float = 0, until: float = 1e9) -> int:
        return sum(endpoint in asked and since <= time < until for time, asked in self.asked)


def all_end_at(number: int, end: float, **more: Any) -> Job:
    return Job(dict.fromkeys(range(1, number + 1), end), **more)


@pytest.mark.parametrize(("number", "share"), [(10, 0.3), (100, 0.1), (1000, 0.1)])
def test_many_runs_of_a_job_take_a_fraction_of_the_requests(number: int, share: float) -> None:
    job = all_end_at(number, 7200)

    assert job.watch()[-1].ending is Ending.ALL_ENDED
    rounds = len({time for time, _ in job.asked if 60 <= time < 7200})
    assert rounds == 119
    assert job.requests(since=60, until=7200) <= share * number * rounds


@pytest.mark.parametrize("number", [1, 2])
def test_one_or_two_runs_are_asked_for_by_themselves(number: int) -> None:
    job = all_end_at(number, 600)

    job.watch()
    assert job.requests("runs/list") == 0


def test_an_end_is_told_by_the_run_alone() -> None:
    job = Job({run_id: 100.0 * run_id for run_id in range(1, 41)})

    last = job.watch()[-1]
    assert exit_code_of(last) == 10
    assert set(job.told_ends) == {("runs/get", run_id) for run_id in job.ends}
    assert job.clock.time <= 4000 + 60, "and no later than without lists"


def test_a_list_that_lags_for_ever_delays_an_end_only_so_long() -> None:
    job = all_end_at(30, 600, lag=1e9)

    assert exit_code_of(job.watch()[-1]) == 10
    assert job.clock.time <= 600 + LISTED_FOR * 60


@pytest.mark.parametrize(
    "cut", [{"has_more": True}, {"tasks": 3, "listed_tasks": 2}], ids=["says so", "has fewer tasks"]
)
def test_a_run_that_is_not_told_of_in_full_is_asked_for_by_itself(cut: dict[str, Any]) -> None:
    job = all_end_at(30, 600, **cut)

    snapshots = job.watch()
    assert len({len(snapshot.runs[0].run.attempts) for snapshot in snapshots if snapshot.runs[0].run}) == 1
    assert job.requests("runs/get", until=600) == 30 * 10


def test_a_few_runs_among_many_others_are_not_searched_for_at_each_poll() -> None:
    job = all_end_at(3, 60 * 100, others=1000)

    job.watch()
    assert job.requests("runs/list") <= 100 / ROUNDS_WITHOUT_LIST + 1


def test_a_list_that_is_refused_is_left_alone_and_its_runs_are_not() -> None:
    job = all_end_at(30, 60 * 100, list_errors={0.0: an_error(403)})

    assert exit_code_of(job.watch()[-1]) == 10
    assert job.requests("runs/list") <= 100 / ROUNDS_WITHOUT_LIST + 1
    assert job.requests("runs/get") == 30 * 101


def test_a_list_in_trouble_leaves_the_runs_in_sight() -> None:
    job = all_end_at(30, 60 * 100, list_errors={600.0: an_error(500)})

    snapshots = job.watch()
    assert not any(snapshot.error for snapshot in snapshots)
    assert exit_code_of(snapshots[-1]) == 10


def test_a_list_that_answers_is_contact_though_no_run_can_be_read() -> None:
    errors = {600.0: an_error(500)}, {1200.0: an_error(500)}
    job = all_end_at(30, 1e6, has_more=True, run_errors=errors[0], list_errors=errors[1])

    last = job.watch()[-1]
    assert last.ending is Ending.CONTACT_LOST
    assert 1140 <= last.last_contact <= 1200


def test_a_rate_limit_met_by_a_list_stops_all_for_as_long_as_it_wants() -> None:
    job = all_end_at(30, 3600, list_errors={600.0: an_error(429, retry_after=500)})

    snapshots = job.watch()
    assert job.requests(since=600, until=900) == 1, "but for five minutes at most"
    assert any(snapshot.error for snapshot in snapshots)


def test_a_round_of_many_is_followed_by_as_long_a_pause() -> None:
    clock, job = FakeClock(), all_end_at(1000, 5000)

    def fetch(run_id: int) -> Run:
        clock.time += 0.1
        job.clock.time = clock.time
        return Run(job.run(run_id, tasks=1))

    snapshots = watch_runs(list(job.ends), FetchOnly(fetch), clock, Schedule(jitter=0))
    rounds = [snapshot.elapsed for snapshot in snapshots]
    assert rounds[0] == pytest.approx(100)
    assert clock.slept[0] == pytest.approx(100)


def test_what_is_an_extra_has_its_limits_too(monkeypatch: pytest.MonkeyPatch) -> None:
    job = all_end_at(1, 600)
    reader = RunReader(job)  # type: ignore[arg-type]  # as above
    asked: list[int] = []

    def get_run_output(run_id: int, retry: RetryPolicy) -> Payload:
        asked.append(run_id)
        raise an_error(404)

    monkeypatch.setattr(job, "get_run_output", get_run_output, raising=False)
    task = {"task_key": "t", "run_id": 1, "run_job_task": {}, "state": {"life_cycle_state": "RUNNING"}}
    many = {"run_id": 1, "tasks": [{**task, "task_key": f"t{n}"} for n in range(3 * MOST_CHILDREN)]}
    for _ in range(2):
        reader.prepare([1])
        reader.fetch_children(Run(many))
    assert len(asked) == 2 * MOST_CHILDREN


runs = st.dictionaries(st.integers(1, 200), st.floats(0, 3000), min_size=1, max_size=60)
list_troubles = st.dictionaries(
    st.floats(0, 3000),
    st.sampled_from([an_error(403), an_error(429, 30), an_error(429), an_error(500)]),
    max_size=1,
)


@given(runs, st.floats(0, 300), st.integers(0, 60), st.integers(0, 2), st.booleans(), list_troubles)
def test_whatever_lists_say_a_watch_ends_when_its_runs_do(
    ends: dict[int, float],
    lag: float,
    others: int,
    listed: int,
    has_more: bool,
    errors: dict[float, DbjobsError],
) -> None:
    job = Job(ends, lag=lag, others=others, listed_tasks=listed, has_more=has_more)
    transient = {at: error for at, error in errors.items() if error.transient}
    job.list_errors = {**errors}
    if transient:  # until the list is well again
        at = next(iter(transient))
        job.clock.at = {at + 500: job.list_errors.clear}

    snapshots = job.watch(Schedule(jitter=0, max_outage=1e9))
    assert snapshots[-1].ending is Ending.ALL_ENDED
    assert exit_code_of(snapshots[-1]) == (10 if any(run_id % 2 for run_id in ends) else 0)
    assert {run_id for _, run_id in job.told_ends} == set(ends)
    assert job.clock.time >= max(ends.values())
    for watched in snapshots[-1].runs:
        assert watched.run
        assert watched.run.is_ended


def test_the_command_asks_a_list_for_many_runs(dbjobs: Dbjobs, serve: Serve, clock: FakeClock) -> None:
    job = all_end_at(50, 900, clock=clock)

    def reply(request: Received) -> Reply:
        job.asked.append((clock.time, request.endpoint))
        if request.endpoint == "runs/get":
            return Reply(body=job.run(int(request.query["run_id"]), tasks=1))
        wanted = {"job_id": str(JOB), "active_only": "true", "expand_tasks": "true"}
        assert request.query.items() >= wanted.items()
        begin = int(request.query.get("page_token", 0))
        active = [] if clock.time >= 900 else [job.run(run_id, tasks=1) for run_id in job.ends]
        more = {"next_page_token": str(begin + PAGE), "has_more": True} if begin + PAGE < len(active) else {}
        return Reply(body={"runs": active[begin : begin + PAGE], **more})

    serve(reply)
    done = dbjobs("runs", "wait", *job.ends, "-o", "json", "--show-output", "none")

    assert done.exit_code == 10
    assert {run["state"]["life_cycle_state"] for run in json.loads(done.stdout)} == {"TERMINATED"}
    rounds = len({time for time, _ in job.asked if 0 < time < 900})
    assert job.requests(since=1, until=900) <= rounds * 4
