"""Times, durations and states as text, for every view; without rich."""

import math
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import TypeAlias

from dbjobs.api.models import Run, TaskRun
from dbjobs.api.states import Phase
from dbjobs.runs.causes import is_generic
from dbjobs.runs.outages import is_refusal
from dbjobs.runs.snapshots import Snapshot, WatchedRun

AnyRun: TypeAlias = Run | TaskRun

MINUTE, HOUR, DAY = 60, 3600, 86400
_AGE_UNITS = ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"))

PARTS = ("queue", "setup", "execution", "cleanup")
"""The parts of a run's time, in order."""


def format_duration(seconds: float | None) -> str:
    """`3s`, `2m05s`, `1h02m` or `3d04h`; nothing if it is not known."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    whole = int(max(0.0, seconds))
    if whole < MINUTE:
        return f"{whole}s"
    if whole < HOUR:
        return f"{whole // MINUTE}m{whole % MINUTE:02}s"
    if whole < DAY:
        return f"{whole // HOUR}h{whole % HOUR // MINUTE:02}m"
    return f"{whole // DAY}d{whole % DAY // HOUR:02}h"


def format_short_duration(seconds: float | None) -> str:
    """The same, with tenths below a second: `0.4s`."""
    if seconds is None or not 0 < seconds < 1:
        return format_duration(seconds)
    return f"{max(0.1, seconds):.1f}s"


def format_clock(seconds: float) -> str:
    """The local time of day of an epoch in seconds: `21:04:05`."""
    return f"{_local(seconds):%H:%M:%S}"


def format_moment(milliseconds: float | None, now: float) -> str:
    """An epoch in milliseconds, absolute and relative: `2026-01-31 21:04:05 (2h ago)`."""
    date = format_date(milliseconds)
    age = _format_distance(milliseconds, now) if milliseconds and date != str(milliseconds) else ""
    return f"{date} ({age})" if age else date


def format_date(milliseconds: float | None) -> str:
    """The local date and time of an epoch in milliseconds: `2026-01-31 21:04:05`."""
    if not milliseconds:
        return ""
    try:
        return f"{_local(milliseconds / 1000).isoformat(' ', 'seconds')}"
    except (OverflowError, OSError, ValueError):  # no date that a calendar knows
        return str(milliseconds)


def format_zoned_date(milliseconds: float | None) -> str:
    """The same with its zone, for readers elsewhere: `2026-01-31 21:04:05+01:00`."""
    date = format_date(milliseconds)
    if not milliseconds or date == str(milliseconds):
        return date
    return _local(milliseconds / 1000).astimezone().isoformat(" ", "seconds")


def format_started(run: AnyRun) -> str:
    """`started`; `waiting since` for a run that has a time but is still queued."""
    return "waiting since" if run.phase is Phase.WAITING else "started"


def format_age(milliseconds: float | None, now: float) -> str:
    """How long ago an epoch in milliseconds is: `5m ago`, `12d ago`; nothing if no calendar knows it."""
    if not milliseconds or format_date(milliseconds) == str(milliseconds):
        return ""
    return _format_distance(milliseconds, now)


def _format_distance(milliseconds: float, now: float) -> str:
    age = now - milliseconds / 1000
    if age < 0:
        return f"in {format_duration(-age)}"
    length, unit = next((pair for pair in _AGE_UNITS if age >= pair[0]), (1, "s"))
    return f"{age // length:.0f}{unit} ago"


def _local(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds)  # noqa: DTZ006 - only its figures are shown


def format_utc(seconds: float) -> str:
    """ISO 8601 with milliseconds, for programs: `2026-01-31T20:04:05.123Z`."""
    moment = datetime.fromtimestamp(seconds, tz=timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_state(run: AnyRun) -> str:
    """State and result together: `RUNNING`, `TERMINATED FAILED`."""
    words = [run.life_cycle_state, run.result_state or (run.is_ended and run.termination_code)]
    return " ".join(dict.fromkeys(word for word in words if word)) or "-"


def format_message(run: AnyRun) -> str:
    """The server's message about a state, if it says more than the state."""
    return "" if run.message == "In run" else run.message


def format_waiting(run: Run, now: float) -> str:
    """`waiting for 8s`; nothing for a run that is not queued. `now` is epoch seconds."""
    if run.phase is not Phase.WAITING or not run.start_time:
        return ""
    return f"waiting for {format_duration(run.seconds_at(now * 1000)) or '0s'}"


def format_run_message(watched: WatchedRun) -> str:
    """The message of a run, or why it is queued; not that a task of it failed, if the cause is known."""
    run = watched.run
    if run is None or (watched.causes and is_generic(run.message)):
        return ""
    return format_message(run) or (run.queue_code or "" if run.phase is Phase.WAITING else "")


def format_attempt(run: AnyRun) -> str:
    """Nothing for the first attempt, `attempt 2` for the next."""
    return f"attempt {run.attempt_number + 1}" if run.attempt_number else ""


def format_counts(states: Iterable[str]) -> str:
    """`9 SUCCESS, 3 BLOCKED`, the most frequent first."""
    return ", ".join(f"{number} {state}" for state, number in Counter(states).most_common())


def format_progress(run: Run) -> str:
    """`2 of 5 tasks done`, and how many of those failed."""
    if not run.tasks:
        return ""
    done = sum(task.is_ended for task in run.tasks)
    text = f"{done} of {count(len(run.tasks), 'task')} done"
    failed = len(run.failed_tasks)
    return f"{text}, {failed} failed" if failed else text


def format_iterations(task: TaskRun) -> str:
    """How far a for-each task has come: `12 of 5000 iterations done, 3 failed`."""
    stats = ((task.payload.get("for_each_task") or {}).get("stats") or {}).get("task_run_stats") or {}
    if not stats.get("total_iterations"):
        return ""
    done = stats.get("completed_iterations") or 0
    failed = stats.get("failed_iterations")
    text = f"{done} of {count(stats['total_iterations'], 'iteration')} done"
    return f"{text}, {failed} failed" if failed else text


def format_child(child: Run | None) -> str:
    """The run that a run_job task started: `run 99 RUNNING, 2 of 3 tasks done`."""
    if child is None:
        return ""
    return join_facts(f"run {child.run_id} {child.shown_state}", format_progress(child))


def join_facts(*facts: str | None, separator: str = ", ") -> str:
    """The facts that there are, in one text."""
    return separator.join(fact for fact in facts if fact)


def count(number: int, noun: str) -> str:
    """`1 task`, `5 tasks`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def format_no_contact(snapshot: Snapshot) -> str:
    """What the error of a snapshot means, and since when: `no contact for 2m05s`."""
    error, silence = snapshot.error, snapshot.elapsed - snapshot.last_contact
    if error is not None and is_refusal(error):
        refused = [watched.run_id for watched in snapshot.runs if watched.error and watched.refusals]
        runs = f"run {refused[0]}" if len(refused) == 1 else f"{len(refused)} runs"
        return f"{runs} cannot be read, trying again"
    words = "no contact" if error is None or error.answer is None else "no usable answer"
    return f"{words} for {format_duration(silence)}" if silence >= 1 else words


def format_last_seen(snapshot: Snapshot) -> str:
    """`last seen RUNNING`; nothing if no run was ever seen."""
    seen = [format_state(watched.run) for watched in snapshot.runs if watched.run and watched.error]
    return f"last seen {format_counts(seen) if len(seen) > 1 else seen[0]}" if seen else ""


def format_time_spent(run: Run) -> str:
    """Where the time went: `queue 3s, setup 1m02s, execution 58s`.

    A run of several tasks keeps no such figures of its own but the queue's:
    then those of its task runs are added up, parallel ones too, and the text says that it is a sum.
    """
    own = [(part, run.seconds_in(part)) for part in PARTS]
    of_tasks = [(part, sum(task.seconds_in(part) or 0 for task in run.attempts)) for part in PARTS[1:]]
    if any(seconds for _, seconds in own[1:]) or not any(seconds for _, seconds in of_tasks):
        return _format_parts(own)
    several = f" (sum of {count(len(run.attempts), 'task run')})" if len(run.attempts) > 1 else ""
    return _format_parts([own[0], *of_tasks]) + several


def _format_parts(parts: Iterable[tuple[str, float | None]]) -> str:
    return ", ".join(f"{part} {format_duration(seconds)}" for part, seconds in parts if seconds)


def format_took(run: AnyRun) -> str:
    """How long a finished run took; nothing before that."""
    return format_duration(run.seconds_at(run.end_time)) if run.is_ended and run.end_time else ""


def seconds_of(run: AnyRun, now: float) -> float | None:
    """How long a run has been running, or ran; None if the server does not say."""
    if run.end_time is None and (run.is_ended or run.phase is Phase.WAITING):
        return None
    return run.seconds_at(now * 1000)
