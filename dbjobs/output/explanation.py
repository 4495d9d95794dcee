"""Why a run failed, in words: the verdict first, then what it is based on, and what to do next."""

from collections.abc import Callable, Iterator, Sequence

from dbjobs.api.models import Run
from dbjobs.api.states import Phase
from dbjobs.common.plain_text import clean_line
from dbjobs.output.causes import format_cause, format_names, format_short_cause, format_verdict, render_cause
from dbjobs.output.differences import render_changes
from dbjobs.output.formatting import (
    count,
    format_age,
    format_date,
    format_duration,
    format_state,
    format_took,
)
from dbjobs.output.serialization import is_utf8
from dbjobs.output.streams import Streams
from dbjobs.output.truncation import truncate
from dbjobs.runs.causes import Cause
from dbjobs.runs.earlier_runs import EarlierRuns, recovered_tasks
from dbjobs.runs.explain import Explanation

MAX_CHANGES = 12
"""Changes since the last good run that are shown; `-o json` and `runs diff` have all of them."""

MAX_SHORT_CAUSES = 3

FormatCommand = Callable[[str, str], str]
"""Makes the command that people may type next, from its name and arguments."""


def render_explanation(
    explanation: Explanation, streams: Streams, command_line: FormatCommand, now: float
) -> str:
    """All of it for people, on standard output. The first line is the verdict."""
    run = explanation.run
    is_ascii = not is_utf8(streams.out)
    lines = [_headline(explanation)]
    for cause in explanation.causes:
        lines += ["", *_cause_block(cause, run)]
    attempts = explanation.earlier_attempts
    lines += _labelled(
        "earlier attempts", [f"{format_names(cause.tasks)}: {format_cause(cause)}" for cause in attempts]
    )
    lines += _labelled("held back", [format_names(explanation.held_back)] if explanation.held_back else [])
    lines += _labelled("before", list(_earlier_runs(explanation.earlier, now)))
    if good := explanation.earlier.last_good:
        title = f"changed since the last good run ({good.run_id})"
        lines += _labelled(title, list(_changes(explanation, is_ascii=is_ascii)))
    lines += _labelled("logs", [clean_line(f"{key}: {where}") for key, where in explanation.logs])
    lines += _labelled("not read", [clean_line(one) for one in explanation.not_read])
    steps = [(command_line(step.command, step.arguments), step.reason) for step in explanation.next_steps]
    lines += _labelled(
        "next", [text for command, reason in steps for text in (command.rstrip(), f"  {reason}")]
    )
    lines += ["", f"url: {clean_line(run.run_page_url)}"] if run.run_page_url else []
    text = "\n".join(streams.wrap(streams.out, lines))
    return streams.in_red(streams.out, text) if explanation.causes else text


def _headline(explanation: Explanation) -> str:
    run = explanation.run
    took = format_took(run)
    ending = clean_line(format_state(run)) + (f" after {took}" if took else "")
    subject = f"run {run.run_id} ({clean_line(run.run_name)}): {ending}"
    if run.phase is Phase.WAITING and explanation.causes:
        return f"not started yet  -  {subject}"
    if explanation.causes:
        verdicts = dict.fromkeys(format_verdict(cause) for cause in explanation.causes)
        return f"{'; '.join(verdicts)}  -  {subject}"
    if run.outcome is None:
        return f"nothing has failed so far  -  {subject}"
    healed = list(recovered_tasks(run))
    retried = f"; {format_names(healed)} failed at first, and succeeded when run again" if healed else ""
    return f"nothing to explain: the run did not fail{retried}  -  {subject}"


def _cause_block(cause: Cause, run: Run) -> Iterator[str]:
    if run.phase is Phase.WAITING:
        yield clean_line(cause.line)
        return
    names = [name for name in cause.tasks if name != run.run_name]
    if names:
        yield f"{'task' if len(names) == 1 else 'tasks'} {format_names(names)}:"
    yield from render_cause(cause, "  " if names else "")


def _labelled(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def _earlier_runs(earlier: EarlierRuns, now: float) -> Iterator[str]:
    """Whether it failed like this before: since when, how often, and whether running it again helped."""
    if not earlier.listed:
        return
    listed = count(earlier.listed, "run")
    if earlier.same:
        since = earlier.since
        began = f", in a row since {format_date(since.start_time)}" if since else ""
        yield f"{len(earlier.same)} of the {listed} before it failed in the same way{began}"
    else:
        yield f"none of the {listed} before it is known to have failed in the same way"
    if earlier.other:
        yield f"{count(len(earlier.other), 'other run')} failed for another reason"
    if earlier.not_compared:
        yield f"{count(len(earlier.not_compared), 'more run')} failed for reasons that were not read"
    if earlier.recovered:
        one = earlier.recovered[0]
        keys = format_names(list(recovered_tasks(one)))
        yield f"run {one.run_id}: {keys} failed at first, and succeeded when run again"
    good = earlier.last_good
    if good is None:
        yield "none of them succeeded"
        return
    age = format_age(good.start_time, now)
    took = format_took(good)
    facts = [age, f"took {took}" if took else ""]
    yield f"last good run: {good.run_id} ({', '.join(filter(None, facts))})"


def _changes(explanation: Explanation, *, is_ascii: bool) -> Iterator[str]:
    for one in explanation.durations:
        now, then = format_duration(one.seconds), format_duration(one.last_good_seconds)
        yield f"{clean_line(one.task_key)} took {now} until it failed, and {then} then"
    if not explanation.changes:
        yield "nothing that runs show: same settings, parameters, commit and compute"
        return
    lines = render_changes(explanation.changes[:MAX_CHANGES], is_ascii=is_ascii).splitlines()
    yield from map(truncate, lines)
    if len(explanation.changes) > MAX_CHANGES:
        yield f"… and {count(len(explanation.changes) - MAX_CHANGES, 'more change')}: runs diff has them all"


def render_short(
    explanation: Explanation, streams: Streams, command_line: FormatCommand, *, is_only: bool = True
) -> str:
    """For the end of a wait: the causes, the next command with its reason, and where to read on."""
    causes = explanation.causes
    title = "why" if is_only else f"why run {explanation.run.run_id}"
    lines = [f"{title}: {_short_cause(cause, explanation.run)}" for cause in causes[:MAX_SHORT_CAUSES]]
    if len(causes) > MAX_SHORT_CAUSES:
        lines.append(f"     and {count(len(causes) - MAX_SHORT_CAUSES, 'more cause')}")
    if explanation.next_steps:
        step = explanation.next_steps[-1]
        lines += [f"next: {command_line(step.command, step.arguments)}", f"      {step.reason}"]
    lines.append(f"more: {command_line('runs explain', str(explanation.run.run_id))}")
    return "\n".join(streams.wrap(streams.err, lines))


def _short_cause(cause: Cause, run: Run) -> str:
    names = [name for name in cause.tasks if name != run.run_name]
    return format_short_cause(cause, names if len(run.tasks) > 1 else ())
