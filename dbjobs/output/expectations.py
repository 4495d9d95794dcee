"""When runs are expected to end, and what takes longer than usual, in words."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from dbjobs.api.models import Run
from dbjobs.api.states import Phase
from dbjobs.common.plain_text import clean_line
from dbjobs.output.formatting import MINUTE, format_duration, format_message
from dbjobs.runs.forecasts import Forecast
from dbjobs.runs.lateness import Delay, Part, find_delays
from dbjobs.runs.snapshots import Snapshot, WatchedRun

MOST_NAMED_TASKS = 3
"""So many active tasks are named in a line."""

LEAST_LEFT = 5.0
"""Seconds: no estimate is shorter, because an end is noticed later."""


@dataclass(frozen=True)
class ExpectedEnd:
    """The end of a run as its forecast has it at one moment, in seconds from then."""

    left: float
    """the median"""
    range: tuple[float, float] | None
    """the 10th and the 90th percentile; None if too few past runs are known to say how far off it may be"""
    usual: float
    """how long past runs took; the last one, if there is no range"""
    share_done: float
    """of the time that the run takes, from 0 to 1"""


def expected_end(snapshot: Snapshot, watched: WatchedRun) -> ExpectedEnd | None:
    """None if nothing is expected of the run, or if what is shown of it is not current."""
    forecast = _forecast(snapshot, watched)
    if forecast is None or watched.run is None or not watched.run.start_time:
        return None
    now = snapshot.server_time
    left, low, high = (forecast.left_at(now, share) for share in (0.5, 0.1, 0.9))
    elapsed = max(now - watched.run.start_time / 1000, 0.0)
    share = elapsed / (elapsed + left) if elapsed + left > 0 else 1.0
    if not forecast.has_range:
        return ExpectedEnd(left, None, forecast.past_runs[0].total, share)
    return ExpectedEnd(left, (low, high), forecast.usual, share)


def _forecast(snapshot: Snapshot, watched: WatchedRun) -> Forecast | None:
    if watched.error or watched.is_settled or snapshot.ending:
        return None
    return snapshot.forecasts.get(watched.run_id)


def format_expected_end(expected: ExpectedEnd, now: float, *, dash: str = "–") -> str:
    """`usually 12m, about 4m left (ends 14:05–14:09)`, or `took 12m last time, about 4m left`.

    `now` is epoch seconds.
    """
    usual = format_about(expected.usual)
    if expected.range is None:
        return f"took {usual} last time, {format_left(expected)}"
    low, high = (format_time(now + seconds, now) for seconds in expected.range)
    ends = low if low == high else f"{low}{dash}{high}"
    return f"usually {usual}, {format_left(expected)} (ends {ends})"


def format_left(expected: ExpectedEnd) -> str:
    """`about 4m left`."""
    return f"about {format_about(expected.left)} left"


def format_about(seconds: float) -> str:
    """A duration as precise as a forecast is: `40s`, `4m`, `1h10m`."""
    if seconds < MINUTE:
        return f"{max(LEAST_LEFT, 5 * round(seconds / 5)):.0f}s" if seconds < 57.5 else "1m"
    minutes = round(seconds / MINUTE)
    if minutes < 60:
        return f"{minutes}m"
    step = 5 if minutes < 24 * 60 else 60
    hours, rest = divmod(step * round(minutes / step), 60)
    if hours < 24:
        return f"{hours}h{rest:02}m" if rest else f"{hours}h"
    return f"{hours // 24}d{hours % 24:02}h"


def format_time(seconds: float, now: float) -> str:
    """The local time of day to the minute, with the date if it is not today's."""
    try:
        then, today = (datetime.fromtimestamp(at) for at in (seconds, now))  # noqa: DTZ006 - only shown
    except (OverflowError, OSError, ValueError):
        return "?"
    return f"{then:%H:%M}" if then.date() == today.date() else f"{then:%Y-%m-%d %H:%M}"


def delays_of(snapshot: Snapshot, watched: WatchedRun) -> list[Delay]:
    """What takes longer than usual at this moment."""
    forecast = _forecast(snapshot, watched)
    if forecast is None or watched.run is None:
        return []
    return find_delays(watched.run, forecast, snapshot.server_time)


def format_delay(delay: Delay, snapshot: Snapshot, watched: WatchedRun) -> str:
    """`running for 14m, longer than 95 % of the last 24 runs (usually 12m): load is late, …`."""
    longer = "all" if delay.exceeded == delay.past else f"{100 * delay.exceeded // delay.past} %"
    facts = f"longer than {longer} of the last {delay.past} runs (usually {format_about(delay.usual)})"
    for_so_long = f"for {format_duration(delay.seconds)}, {facts}"
    task_key = clean_line(delay.task.task_key) if delay.task else ""
    if delay.part is Part.QUEUE:
        reason = clean_line(format_message(watched.run)) if watched.run else ""
        reasons = [reason, _format_blocker(snapshot, watched)]
        return ": ".join(filter(None, [f"queued {for_so_long}", "; ".join(filter(None, reasons))]))
    if delay.part is Part.CLUSTER:
        return f"the cluster of {task_key} has been starting {for_so_long}"
    if not task_key:
        return f"running {for_so_long}"
    instead = f"{format_duration(delay.task_seconds)} instead of {format_about(delay.task_usual)}"
    return f"running {for_so_long}: {task_key} is late, {instead}"


def _format_blocker(snapshot: Snapshot, watched: WatchedRun) -> str:
    blocker = snapshot.blockers.get(watched.run_id)
    if blocker is None:
        return ""
    seconds = blocker.seconds_at(snapshot.server_time * 1000)
    since = f" for {format_about(seconds)}" if seconds else ""
    return f"run {blocker.run_id} of the same job has been active{since}"


def share_done(snapshot: Snapshot) -> float | None:
    """Of the time that all runs take, from 0 to 1; None if the end of none is expected."""
    expected = [expected_end(snapshot, watched) for watched in snapshot.runs]
    if not any(expected):
        return None
    shares = [
        one.share_done if one else float(watched.is_settled)
        for one, watched in zip(expected, snapshot.runs, strict=True)
    ]
    return sum(shares) / (len(shares) + snapshot.unstarted)


def format_active_tasks(run: Run, now: float) -> str:
    """The tasks that are being done, longest first, and for how long: `load for 2m05s, report for 4s`.

    `now` is epoch seconds.
    """
    active = [task for task in run.tasks if task.phase is Phase.ACTIVE]
    active.sort(key=lambda task: task.start_time or math.inf)
    named = []
    for task in active[:MOST_NAMED_TASKS]:
        seconds = format_duration(task.seconds_at(now * 1000))
        named.append(clean_line(task.task_key) + (f" for {seconds}" if seconds else ""))
    more = len(active) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


class Announcements:
    """What is worth a line: an expected end when it is first known, and each delay once."""

    def __init__(self) -> None:
        self._said: set[tuple[object, ...]] = set()

    def new_ends(self, snapshot: Snapshot) -> Iterator[tuple[WatchedRun, ExpectedEnd]]:
        for watched in snapshot.runs:
            key = (watched.run_id,)
            if watched.run_id in snapshot.forecasts and key not in self._said:
                self._said.add(key)
                if expected := expected_end(snapshot, watched):
                    yield watched, expected

    def new_delays(self, snapshot: Snapshot) -> Iterator[tuple[WatchedRun, Delay]]:
        for watched in snapshot.runs if snapshot.forecasts else ():
            for delay in delays_of(snapshot, watched):
                key = (watched.run_id, delay.part)
                if key not in self._said:
                    self._said.add(key)
                    yield watched, delay
