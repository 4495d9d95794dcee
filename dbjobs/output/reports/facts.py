"""What reports say of a run besides its state: who started it and how, on what compute, and for how long."""

from collections.abc import Sequence
from itertools import islice

from dbjobs.output.formatting import (
    format_counts,
    format_short_duration,
    format_started,
    format_time_spent,
    format_zoned_date,
    seconds_of,
)
from dbjobs.output.reports.model import ReportedRun
from dbjobs.output.run_facts import (
    format_commit,
    format_compute,
    format_parameters,
    format_repairs,
    format_run_trigger,
)

MAX_PARAMETERS = 30


def describe_run(reported: ReportedRun, now: float) -> dict[str, Sequence[str]]:
    """By label, the facts that there are; text of the API as it came. `now` in epoch seconds."""
    run = reported.run
    if run is None:
        return {}
    parameters = list(islice(format_parameters(run), MAX_PARAMETERS + 1)) or [reported.label]
    if len(parameters) > MAX_PARAMETERS:
        parameters[-1] = "and more"
    facts = {
        "job": [str(run.job_id or "")],
        "trigger": [format_run_trigger(run)],
        "by": [str(run.payload.get("creator_user_name") or "")],
        "parameters": parameters,
        "commit": list(format_commit(run)),
        "compute": list(format_compute(run)),
        format_started(run): [format_zoned_date(run.start_time)],
        "ended": [format_zoned_date(run.end_time)],
        "took" if run.is_ended else "so far": [format_short_duration(seconds_of(run, now))],
        "spent on": [format_time_spent(run)],
        "tasks": [format_counts(task.task.shown_state for task in reported.tasks)],
        "repairs": [format_repairs(run, now)],
    }
    return {
        label: found for label, values in facts.items() if (found := [value for value in values if value])
    }
