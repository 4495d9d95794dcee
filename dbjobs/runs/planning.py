"""When to poll the runs of a watch, planned from the history of their jobs.

The history of a job is read once, right after the first poll. Forecasts are in the time of the
server, whose clock may differ from this machine's by any amount. What the difference is follows from
the events of the runs: one that is seen has happened, and one that was not seen by a poll had not
happened by then.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dbjobs.api.models import Run
from dbjobs.api.states import Phase
from dbjobs.errors import DbjobsError
from dbjobs.runs.estimates import plan_pause
from dbjobs.runs.forecasts import (
    Forecast,
    PastRun,
    choose_past_runs,
    forecast_end,
    has_overdue_task,
    last_event,
    measure_past_run,
    seconds_of,
)
from dbjobs.runs.lateness import Part, find_delays
from dbjobs.runs.reader import REQUESTS_PER_LISTED_RUN
from dbjobs.runs.schedule import Schedule
from dbjobs.runs.snapshots import WatchedRun

MOST_JOBS = 10
"""The histories of so many jobs are read; each is a request."""

MOST_TRIES = 3
"""So often a history is asked for in all while the workspace is out of reach."""

MOST_PLANNED = 20
"""The pause follows from so many runs at most, which stand for the others."""

LONGEST_ROUND = 60.0
"""A request a second at most is made for many runs, but no pause is made longer than this for it."""

ROUND_PRICE, GREATEST_PRICE_PER_RUN = 20.0, 2.0
"""What a round of polls of many runs is worth, compared with the poll of a single run. With these, simulated
waits take no more requests than without a plan, and notice ends sooner."""

START_TAKES = 5.0
"""Seconds within which a wait for a run that was just started begins."""

LIST_LAG = 2.0
"""Seconds for which the service may not yet show what has happened."""


class HistoryReader(Protocol):
    """Reads lists of a job's runs; one try each, which raises a DbjobsError."""

    def fetch_past_runs(self, job_id: int) -> Sequence[Run]:
        """The last completed runs, with their tasks."""

    def fetch_active_runs(self, job_id: int) -> Sequence[Run]:
        """The first page of the active runs."""


@dataclass
class ServerClock:
    """The server's time in epoch seconds, as the events of runs show it. `began` is when the watch began."""

    local: float
    """what this machine's clock said then"""
    _earliest: float = -math.inf
    _latest: float = math.inf

    @property
    def began(self) -> float:
        return max(min(self.local, self._latest), self._earliest)

    def has_passed(self, event: float, elapsed: float) -> None:
        """An event was seen by a poll `elapsed` seconds after the watch began."""
        self._earliest = max(self._earliest, event - elapsed)

    def has_not_passed(self, event: float, elapsed: float) -> None:
        """An event that is seen now was not seen by an earlier poll."""
        self._latest = min(self._latest, event - elapsed + LIST_LAG)


@dataclass
class Planner:
    """Learns from the history of jobs when their runs end, and when to poll them."""

    reader: HistoryReader
    server: ServerClock
    forecasts: dict[int, Forecast] = field(default_factory=dict)
    """by run_id"""
    blockers: dict[int, Run] = field(default_factory=dict)
    """by run_id of a run that is late in the queue, the run that it may be waiting for"""
    _histories: dict[int, Sequence[Run]] = field(default_factory=dict)
    _measured: dict[tuple[object, ...], Sequence[PastRun]] = field(default_factory=dict)
    _tries: Counter[int] = field(default_factory=Counter)
    _asked_for_blocker: set[int] = field(default_factory=set)
    _last_events: dict[int, float] = field(default_factory=dict)
    _polled_at: dict[int, float] = field(default_factory=dict)

    def observe(self, watched: WatchedRun, elapsed: float, *, is_new: bool = False) -> None:
        """Take in what a poll has just seen of a run; `is_new` if the run was started for this watch."""
        run = watched.run
        if run is None or watched.error:
            return
        if not _is_foreseeable(run):
            self.forecasts.pop(run.run_id, None)
            self._last_events.pop(run.run_id, None)
            return
        event = last_event(run)
        if event and event != self._last_events.get(run.run_id):
            self.server.has_passed(event, elapsed)
            if run.run_id in self._polled_at:
                self.server.has_not_passed(event, self._polled_at[run.run_id])
            elif is_new and event == seconds_of(run.start_time):
                self.server.has_not_passed(event, -START_TAKES)
            self._last_events[run.run_id] = event
            self._forecast(run, elapsed)
        elif (forecast := self.forecasts.get(run.run_id)) and has_overdue_task(
            run, forecast.past_runs, self.server.began + elapsed
        ):
            self._forecast(run, elapsed)
        self._polled_at[run.run_id] = elapsed

    def _forecast(self, run: Run, elapsed: float) -> None:
        history = self._histories.get(run.job_id or 0)
        if not history:
            return
        key = (run.job_id, run.payload.get("trigger"), *(task.task_key for task in run.tasks))
        if key not in self._measured:
            self._measured[key] = [measure_past_run(past) for past in choose_past_runs(history, run)]
        forecast = forecast_end(run, self._measured[key], self.server.began + elapsed)
        if forecast:
            self.forecasts[run.run_id] = forecast

    def read_history(self, runs: Iterable[WatchedRun], elapsed: float) -> bool:
        """Make at most one request for what is not known yet; True if it was answered.

        Whatever keeps it from being answered only means that less is known.
        """
        active = [each.run for each in runs if each.run and not each.error and _is_foreseeable(each.run)]
        job_id = next(filter(None, map(self._wanted_history, active)), None)
        if job_id:
            self._tries[job_id] += 1
            try:
                self._histories[job_id] = self.reader.fetch_past_runs(job_id)
            except DbjobsError as error:
                if not error.transient:
                    self._histories[job_id] = ()
                return False
            for run in active:
                if run.job_id == job_id:
                    self._forecast(run, elapsed)
            return True
        return any(self._find_blocker(run, elapsed) for run in active[:MOST_PLANNED])

    def _wanted_history(self, run: Run) -> int | None:
        """The job whose history is to be read for a run: a submitted run has no job of its own."""
        job_id = run.job_id
        if not job_id or run.payload.get("run_type") == "SUBMIT_RUN" or job_id in self._histories:
            return None
        may_try = self._tries[job_id] < MOST_TRIES and (job_id in self._tries or len(self._tries) < MOST_JOBS)
        return job_id if may_try else None

    def _find_blocker(self, run: Run, elapsed: float) -> bool:
        """Look for the run that keeps this one in the queue, once, when it waits longer than usual."""
        forecast = self.forecasts.get(run.run_id)
        if forecast is None or not run.job_id or run.run_id in self._asked_for_blocker:
            return False
        delays = find_delays(run, forecast, self.server.began + elapsed)
        if not any(delay.part is Part.QUEUE for delay in delays):
            return False
        self._asked_for_blocker.add(run.run_id)
        try:
            listed = self.reader.fetch_active_runs(run.job_id)
        except DbjobsError:
            return False
        running = [other for other in listed if other.run_id != run.run_id and other.phase is Phase.ACTIVE]
        if running:
            self.blockers[run.run_id] = min(running, key=lambda other: other.start_time or math.inf)
        return bool(running)

    def pause_after(
        self, runs: Sequence[WatchedRun], elapsed: float, schedule: Schedule, quiet_polls: int
    ) -> float:
        """How many seconds to pause after a round of polls of these runs.

        A round of many runs takes many requests, so they are polled as often as is good for them on average,
        with a request a second at most. While the end of one of them is unknown, any change makes the pauses
        short again.
        """
        requests = requests_of_round(runs) if len(runs) > 1 and schedule.is_planned else 0.0
        maximum = max(schedule.maximum, min(requests, LONGEST_ROUND))
        forecasts = [self.forecasts.get(each.run_id) for each in runs if not each.error]
        known = [forecast for forecast in forecasts if forecast and forecast.has_range]
        if not known or not schedule.is_planned:
            return schedule.pause_after(quiet_polls, maximum)
        now = self.server.began + elapsed
        sample = known[:: math.ceil(len(known) / MOST_PLANNED)]
        active = [(forecast.remaining, max(now - forecast.origin, 0.0)) for forecast in sample]
        price = min(ROUND_PRICE / len(runs), GREATEST_PRICE_PER_RUN) if len(runs) > 1 else 1.0
        pause = max(min(schedule.vary(plan_pause(active, price)), schedule.longest_planned), requests)
        return pause if len(known) == len(runs) else min(pause, schedule.pause_after(quiet_polls, maximum))


def _is_foreseeable(run: Run) -> bool:
    """Whether past runs that went well say when it ends: not once it is being ended, or a task has failed."""
    return not (run.is_ended or run.life_cycle_state == "TERMINATING" or run.failed_tasks)


def requests_of_round(runs: Sequence[WatchedRun]) -> float:
    """About how many requests it takes to poll these runs: those of one job are looked up in lists."""
    jobs = Counter(each.run.job_id if each.run else None for each in runs)
    return sum(
        max(1.0, number * REQUESTS_PER_LISTED_RUN) if job_id else number for job_id, number in jobs.items()
    )
