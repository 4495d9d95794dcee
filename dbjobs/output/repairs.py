"""Automatic repairs in words: the one form in which every view and report tells of them."""

from collections.abc import Sequence

from dbjobs.common.plain_text import clean_line
from dbjobs.output.causes import format_names, format_short_cause
from dbjobs.output.formatting import format_duration, join_facts
from dbjobs.runs.causes import Cause
from dbjobs.runs.snapshots import PlannedRepair, RepairStage, WatchedRun


def format_repair(watched: WatchedRun, elapsed: float) -> str:
    """`repair 1 of 2 in 28s: load: the platform (cluster): …`, or why there is none; empty if none is wanted.

    `elapsed`: seconds since the watch began.
    """
    if watched.not_repaired:
        return f"not repaired: {format_no_repair(watched)}"
    repair = watched.repair
    if repair is None:
        return ""
    error = clean_line(repair.error)
    when = format_duration(round(repair.at - elapsed)) if repair.at - elapsed >= 1 else ""
    if repair.stage is RepairStage.UNDECIDED:
        return f"whether to repair it is not known yet: {error}" if error else ""
    if repair.stage is RepairStage.PLANNED:
        planned = join_facts(_number(repair), f"in {when}" if when else "", separator=" ")
        return f"{planned}, could not be started: {error}" if error else f"{planned}: {_words(repair.causes)}"
    if repair.stage is RepairStage.IN_DOUBT:
        return f"{_number(repair)} may have started, looking again: {error}"
    return f"{_number(repair)} started"


def format_no_repair(watched: WatchedRun) -> str:
    """Why a run that has failed is not repaired."""
    if watched.not_repaired is None:
        return ""
    return _words(watched.not_repaired.causes) or clean_line(watched.not_repaired.reason)


def format_repairs(watched: WatchedRun) -> str:
    """`repaired 2 times`, and why; empty if this wait has not repaired the run."""
    if not watched.repairs:
        return ""
    times = "once" if len(watched.repairs) == 1 else f"{len(watched.repairs)} times"
    return f"repaired {times}: {'; '.join(dict.fromkeys(_words(one.causes) for one in watched.repairs))}"


def describe_repairs(watched: WatchedRun) -> list[str]:
    """What was repaired, and why nothing more was: a line each, as far as there is something to say."""
    not_repaired = format_no_repair(watched)
    return [
        line for line in (format_repairs(watched), not_repaired and f"not repaired: {not_repaired}") if line
    ]


def _number(repair: PlannedRepair) -> str:
    return f"repair {repair.number} of {repair.most}" if repair.most else "a repair"


def _words(causes: Sequence[Cause]) -> str:
    return "; ".join(f"{format_names(cause.tasks)}: {format_short_cause(cause)}" for cause in causes)
