"""What must be true of every ending, whatever went wrong on the way."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tests.fuzz.case import OUTCOMES, STARTS, Case, shows_something
from tests.fuzz.faults import PROXY, REFUSAL
from tests.fuzz.histories import ENDINGS, SEVERITY, Run
from tests.fuzz.runner import Observation
from tests.fuzz.sequences import Sequence
from tests.fuzz.server import Exchange
from tests.support.leaks import has_secret

Problems = Iterator[str]

TIMEOUT, UNREACHABLE, BROKEN_PIPE = 124, 6, 141
SECONDS_LATE = 5.0
"""What passes a limit is acted on within so many seconds."""
ROUNDING = 1.0
LONGEST_REQUEST = 60.0
RETRIED_FOR = 600.0 + 60.0 + 30.0
"""Seconds after which a request without a limit of its own is given up: the last try may be a slow one."""
CANCEL_TAKES = 400.0
"""Seconds that a cancel on the way out, and the wait for the end, may take."""
LOOK_BACK = 40.0
"""Seconds within which the last looks at several runs happen, if all goes well."""
LATE_PER_FAULT, SETTLING = 310.0, 400.0
NOT_REPEATABLE = ("create", "runs/repair", "update", "runs/delete", "reset")
CHANGED_BY = {
    "runs now": "run-now",
    "runs submit": "runs/submit",
    "runs cancel": "runs/cancel",
    "runs cancel-all": "runs/cancel-all",
    "runs delete": "runs/delete",
    "runs repair": "runs/repair",
    "jobs create": "create",
    "jobs reset": "reset",
    "jobs update": "update",
    "jobs delete": "delete",
    "backfill": "run-now",
}
"""By kind of sequence, the endpoint that makes the change."""

NO_FAILURES = (12, 13, 16)
"""Canceled, never run, left out: no repair is made for these."""

WITH_FAILURES = ENDINGS["with failures"]

NO_RESULT = 74
"""The exit code for a result that could not be written."""


def problems(sequence: Sequence, seen: Observation) -> list[str]:
    """Everything that is not as it must be; nothing, if all is well."""
    case = Case(sequence, seen)
    return [text for rule in RULES for text in rule(case)]


def it_ends(case: Case) -> Problems:
    if case.seen.hung_at is not None:
        yield f"it hangs, in real time, at:\n{case.seen.hung_at}"


def the_code_is_of_the_contract(case: Case) -> Problems:
    known = {*(OUTCOMES if case.sequence.waits else {0}), 3, 4, 5, UNREACHABLE}
    known |= {TIMEOUT} if case.sequence.value_of("--timeout") else set()
    known |= {128 + case.sequence.signal.number} if case.sequence.signal and case.was_signaled else set()
    known |= {BROKEN_PIPE} if case.sequence.stdout in ("broken", "left") else set()
    known |= {NO_RESULT} if case.sequence.stdout in ("full", "closed") else set()
    if case.code not in known and case.seen.hung_at is None:
        yield f"exit code {case.code} has no reason"


def nothing_internal_shows(case: Case) -> Problems:
    for sign in ("Traceback (most recent", "this is a bug in dbjobs", "Exception ignored", "Error in sys."):
        if sign in case.seen.told:
            yield f"{sign!r} shows"


def no_secret_shows(case: Case) -> Problems:
    if has_secret(case.seen.told):
        yield "the token shows"
    for name, data in case.seen.files.items():
        if has_secret(data.decode(errors="replace")):
            yield f"the token is in the file {name}"


def an_outcome_is_true(case: Case) -> Problems:
    """0, 10 to 19 of a wait: the runs have ended, and so."""
    if not case.sequence.waits or case.code not in OUTCOMES:
        return
    if not case.watched:
        if not (case.code == 0 and _is_all_left_out(case)):
            yield f"exit code {case.code}, and no run was started"
        return
    options = [_possible_outcomes(case, run) for run in case.watched]
    if case.sequence.kind == "runs cancel":
        if case.code != 0 or not all(options):
            yield f"exit code {case.code}, and not all runs have ended"
        return
    may_lack_some = case.sequence.has("--fail-fast") or any(
        fault.kind in (REFUSAL, PROXY) for fault in case.met
    )
    others_allow = all(
        any(SEVERITY.index(one) >= SEVERITY.index(case.code) for one in option) for option in options
    )
    is_possible = any(case.code in option for option in options)
    if not is_possible or not (others_allow or (may_lack_some and case.code != 0)):
        yield f"exit code {case.code}, and the truth is {options}"


def _is_all_left_out(case: Case) -> bool:
    return case.sequence.has("--skip-existing") and case.sequence.earlier == case.sequence.days


def _possible_outcomes(case: Case, run: Run) -> set[int]:
    """Of a run that was repaired meanwhile, several may be told."""
    seconds_late = 0.1 if case.sequence.value_of("--on-timeout") == "cancel" else SECONDS_LATE
    end = min(case.end, case.seen.began + case.sequence.timeout + seconds_late)
    looks = [one.at for one in case.reads_of() if shows_something(one)]
    since = min([end, *looks[-1:]]) - LOOK_BACK
    recent = [one for one in case.seen.exchanges if one.at > since]
    since = max(run.created, since if all(one.is_good for one in recent) else run.created)
    moments = [end, since, *(stretch.ends for stretch in run.stretches if since <= stretch.ends <= end)]
    codes = {code for moment in moments if (code := case.outcome(run, moment)) is not None}
    return codes | ({14} if _is_told_bare(case, run) else set())


def _is_told_bare(case: Case, run: Run) -> bool:
    """Whether the latest good look showed INTERNAL_ERROR without a result, and the later ones failed."""
    looks = case.reads_of(run)
    goods = [one for one in looks if shows_something(one)]
    state = (goods[-1].answer.body.get("state") or {}) if goods else {}
    is_bare = state.get("life_cycle_state") == "INTERNAL_ERROR" and "result_state" not in state
    is_at_limit = case.end >= case.seen.began + case.sequence.timeout
    return is_bare and (is_at_limit or goods[-1] is not looks[-1])


def contact_lost_is_true(case: Case) -> Problems:
    """6: something kept it from an answer, for as long as it says."""
    if case.code != UNREACHABLE:
        return
    is_slow = any(not one.is_good for one in case.seen.exchanges)
    if not is_slow and not any(UNREACHABLE in fault.exit_codes for fault in case.met):
        yield "exit code 6, and nothing was out of reach"
    if case.sequence.waits and case.watched and _wait_has_begun(case) and not _has_failed_cancel(case):
        silence = case.end - max([case.seen.began, *case.contacts(sure=True)])
        # a good page before one that fails counts from when it was asked for
        of_pages = LONGEST_REQUEST if any(run.pages > 1 for run in case.watched) else 0
        if silence < min(case.sequence.max_outage, case.sequence.timeout) - of_pages - ROUNDING:
            yield f"it gave up after {silence:.0f} s without contact"


def _wait_has_begun(case: Case) -> bool:
    """Whether runs were looked at, after what starts them had succeeded."""
    if case.sequence.kind.startswith("runs wait"):
        return True
    if case.sequence.kind == "runs cancel":
        return bool(case.reads_of())
    goods = [index for index, one in enumerate(case.seen.exchanges) if one.is_change and one.is_good]
    return bool(goods) and case.sequence.days == 0 and goods[-1] < len(case.seen.exchanges) - 1


def _has_failed_cancel(case: Case) -> bool:
    """A cancel that fails decides the exit code, though the others are waited for."""
    return case.sequence.kind == "runs cancel" and not all(one.is_good for one in case.changes)


def a_refusal_is_true(case: Case) -> Problems:
    """3, 4, 5: somebody said so, and of a run that was seen alive more than once."""
    if case.code not in (3, 4, 5):
        return
    real = any(
        one.real_status >= 400 and one.request.endpoint != "runs/get-output" for one in case.seen.exchanges
    )
    reasons = {code for fault in case.met for code in fault.exit_codes} | ({4, 5} if real else set())
    if case.code not in reasons:
        yield f"exit code {case.code} has no reason"
    if len(case.watched) != 1 or not case.sequence.waits:
        return
    looks = case.reads_of(case.watched[0])
    if any(shows_something(one) for one in looks) and _wait_has_begun(case):
        last = max(index for index, one in enumerate(looks) if shows_something(one))
        noes = [one for one in looks[last + 1 :] if one.fault is None or one.fault.kind == REFUSAL]
        if any(one.step.fault == "401" for one in noes):
            return
        if len(noes) < 3 or noes[-1].answered_at - noes[0].at < 30 - ROUNDING:
            said = [(one.step.fault, round(one.at - noes[0].at)) for one in noes]
            yield f"exit code {case.code} for a run that was seen alive, after {said}"


def a_timeout_is_true(case: Case) -> Problems:
    if case.code != TIMEOUT:
        return
    if case.end < case.seen.began + case.sequence.timeout - 3:
        yield f"exit code 124 after {case.end - case.seen.began:.1f} s"
    for run in case.watched:
        if not case.seen.workspace.runs or not _end_was_told(case, run):
            return
    if case.watched and case.sequence.days == 0 and _wait_has_begun(case):
        yield "exit code 124, and it knew that all runs had ended"


def _end_was_told(case: Case, run: Run) -> bool:
    """Whether the end was there to be read, with its result, long before the limit."""
    return any(
        shows_something(one)
        and "page_token" not in one.request.query  # the state counts that the first page has
        and one.at > run.settled_at
        and one.at < case.seen.began + case.sequence.timeout - 30
        for one in case.reads_of(run)
    )


def limits_hold(case: Case) -> Problems:
    """Every limit is acted on in time, and nothing lasts without a reason."""
    sequence, took = case.sequence, case.end - case.seen.began
    cancels = sequence.value_of("--on-timeout") == "cancel" or (
        case.was_signaled and sequence.value_of("--on-interrupt") == "cancel"
    )
    if cancels:
        return
    if took > sequence.timeout + SECONDS_LATE + ROUNDING:
        yield f"--timeout {sequence.timeout:.0f} s, and it took {took:.0f} s"
    if (
        case.is_interrupted
        and case.seen.signaled_at
        and case.end > case.seen.signaled_at + SECONDS_LATE + ROUNDING
    ):
        yield f"it went on for {case.end - case.seen.signaled_at:.0f} s after the signal"
    if case.code == UNREACHABLE and sequence.waits and case.watched and _wait_has_begun(case):
        silence = case.end - max([case.seen.began, *case.contacts(sure=False)])
        # a page that is read once more, in vain, after a good one belongs to the contact
        of_pages = LONGEST_REQUEST if any(run.pages > 1 for run in case.watched) else 0
        if silence > sequence.max_outage + of_pages + SECONDS_LATE + ROUNDING:
            yield f"--max-outage {sequence.max_outage:.0f} s, and it took {silence:.0f} s"


def it_ends_soon(case: Case) -> Problems:
    """What has no limit ends soon after its runs, or after the last fault."""
    requests = max(1, len({str(one.request.body) for one in case.changes}))
    if not case.sequence.waits:
        if case.end - case.seen.began > (RETRIED_FOR + LONGEST_REQUEST) * (requests + 2):
            yield f"it took {case.end - case.seen.began:.0f} s"
        return
    ends = max([case.seen.began, *(run.settled_at for run in case.watched)])
    after = [one for one in case.seen.exchanges if one.at > ends and not one.is_good]
    if case.code in OUTCOMES and case.end - ends > LATE_PER_FAULT * (len(after) + 1) + SETTLING:
        yield f"it ended {case.end - ends:.0f} s after its runs"


def effects_are_few(case: Case) -> Problems:
    """Nothing was done twice."""
    counts = Counter(case.seen.workspace.effects)
    for (endpoint, what), number in counts.items():
        most = case.sequence.most_repairs if endpoint == "runs/repair" else 1
        if number > most and (endpoint in NOT_REPEATABLE or endpoint in STARTS):
            yield f"{endpoint} of {what} took effect {number} times"
    if not case.sequence.days and len(case.started) > 1:
        yield f"{len(case.started)} runs were started"


def repairs_have_reasons(case: Case) -> Problems:
    """`--repair` repairs what the platform made fail; `--repair-on any` whatever failed."""
    if case.sequence.kind == "runs repair" or case.sequence.has("--rerun-failed"):
        return  # the first repair is the command's own
    for run_id, ending in case.seen.workspace.repaired:
        is_success = ending.exit_code == 0 and not (case.sequence.has("--strict") and ending is WITH_FAILURES)
        is_failure = not is_success and ending.exit_code not in NO_FAILURES
        is_passing = ending.termination_code == "CLUSTER_ERROR"
        if not (is_failure if case.sequence.value_of("--repair-on") == "any" else is_passing):
            yield f"run {run_id} was repaired, which had ended with {ending}"


def success_is_true(case: Case) -> Problems:
    """0 of a command that changes something: it is done, and the answer came."""
    if case.code != 0 or case.is_interrupted:
        return
    done = {endpoint for endpoint, _ in case.seen.workspace.effects}
    done |= {one.request.endpoint for one in case.changes if _is_said_to_be_gone([one])}
    needed = CHANGED_BY.get(case.sequence.kind)
    is_done_before = case.sequence.days and case.sequence.earlier == case.sequence.days
    if needed and needed not in done and not is_done_before:
        yield f"exit code 0, and no {needed} took effect"
    if case.sequence.days and len(case.seen.workspace.by_day) != case.sequence.days:
        yield f"exit code 0, and {len(case.started)} of {case.sequence.days} runs were started"
    targets = [run.run_id for run in case.sequence.runs]
    if needed in ("runs/cancel", "runs/delete"):
        missing = {*targets} - {what for endpoint, what in case.seen.workspace.effects if endpoint == needed}
        missing -= {one.request.body["run_id"] for one in case.changes if _is_said_to_be_gone([one])}
        if missing:
            yield f"exit code 0, and {needed} had no effect on {sorted(missing)}"


def what_was_started_is_told(case: Case) -> Problems:
    """A run that was started is never concealed, nor is one that may have been."""
    told = case.seen.told
    sent = [one for one in case.changes if one.request.endpoint in STARTS]
    answered = {one.request.body["idempotency_token"] for one in sent if one.is_good}
    for one in sent:
        run_id = case.seen.workspace.by_token.get(one.request.body["idempotency_token"])
        if run_id in case.seen.workspace.earlier:
            continue
        if run_id is not None and one.has_effect and case.can_tell:
            is_told = str(run_id) in told or one.request.body["idempotency_token"] in told
            is_kept = case.sequence.days and "may have been started" in told
            is_unknown = not one.is_good or case.is_interrupted
            if not is_told and not is_kept and (case.is_good_stderr or not is_unknown):
                yield f"run {run_id} was started, and nothing says so"
        is_told = str(run_id) in told or bool(case.sequence.days and "may have been started" in told)
        # without an answer there is no id, and that a run may have been started is said on stderr alone
        is_known = one.request.body["idempotency_token"] in answered
        can_tell = case.can_tell if is_known else case.is_good_stderr
        if run_id is not None and case.code in OUTCOMES and can_tell and not is_told:
            yield f"run {run_id} was started, and its id shows nowhere"


def what_may_have_happened_is_told(case: Case) -> Problems:
    """A change whose outcome is not known is told as such, with a way to find out."""
    if not case.is_good_stderr or (case.code == 0 and not case.is_interrupted):
        return
    by_target: dict[str, list[Any]] = {}
    for one in case.changes:
        by_target.setdefault(one.request.endpoint + json.dumps(one.request.body), []).append(one)
    for sent in by_target.values():
        endpoint, body = sent[0].request.endpoint, sent[0].request.body
        run_id = case.seen.workspace.by_token.get(body.get("idempotency_token"))
        is_known = any(one.is_good for one in sent) or (run_id and str(run_id) in case.seen.stdout)
        is_known = is_known or _is_said_to_be_gone(sent) or _is_found_out(case, sent)
        is_in_doubt = any(
            one.has_effect or (one.fault and one.fault.may_have_effect and one.real_status < 400)
            for one in sent
        )
        if is_known or not is_in_doubt or (case.sequence.days and endpoint == "run-now"):
            continue
        if not re.search(r"may have|may be|not known", case.seen.stderr):
            yield f"{endpoint} may have taken effect, and nothing says so"
        elif "dbjobs " not in case.seen.stderr and "--idempotency-token" not in case.seen.stderr:
            yield f"{endpoint} may have taken effect, and nothing says how to find out"
        elif (
            endpoint.startswith("runs/") and "run_id" in body and str(body["run_id"]) not in case.seen.stderr
        ):
            yield f"{endpoint} may have taken effect, and its run is not told"


def _is_found_out(case: Case, sent: list[Exchange]) -> bool:
    """Whether a wait has read a run after its last request for a repair: it sees what became of that."""
    if sent[-1].request.endpoint != "runs/repair" or case.sequence.value_of("--repair") is None:
        return False
    run = case.seen.workspace.runs[sent[-1].request.body["run_id"]]
    return case.code in OUTCOMES and any(
        shows_something(one) and one.at > sent[-1].at for one in case.reads_of(run)
    )


def _is_said_to_be_gone(sent: list[Exchange]) -> bool:
    """Whether the API itself said of what was to be deleted that it is not there: nobody can know better."""
    return sent[-1].request.endpoint in ("delete", "runs/delete") and any(
        one.fault and one.fault.name in ("404", "400, does not exist") for one in sent
    )


def an_unfinished_wait_is_told(case: Case) -> Problems:
    """Whoever leaves runs that go on is told which, and how to come back."""
    left_early = case.code in (TIMEOUT, UNREACHABLE, 3, 4, 5) or case.is_interrupted
    if not case.sequence.waits or not left_early or not case.can_tell or case.sequence.kind == "runs cancel":
        return
    known = [run for run in case.watched if _is_known_to_client(case, run)]
    can_tell = case.is_good_stderr or not case.sequence.runs or case.sequence.value_of("-o") is None
    for run in known if can_tell else ():
        tokens = [token for token, run_id in case.seen.workspace.by_token.items() if run_id == run.run_id]
        signs = [str(run.run_id), *tokens, *(["may have been started"] if case.sequence.days else [])]
        if not any(text in case.seen.told for text in signs):
            yield f"run {run.run_id} is not told"
    is_quiet = case.sequence.has("-q") and case.code == TIMEOUT
    active = [run for run in known if case.outcome(run, case.end) is None and _is_seen_or_started(case, run)]
    if (
        active
        and case.is_good_stderr
        and not is_quiet
        and "dbjobs runs " not in case.seen.stderr
        and not case.is_interrupted
    ):
        yield "runs go on, and nothing says how to come back"


def _is_seen_or_started(case: Case, run: Run) -> bool:
    """Whether the client knows that there is such a run, and has not seen it end."""
    looks = [one for one in case.reads_of(run) if shows_something(one)]
    has_ended = bool(looks) and case.outcome(run, looks[-1].at) is not None
    return not has_ended and (run.run_id in case.started or bool(looks))


def _is_known_to_client(case: Case, run: Run) -> bool:
    if case.sequence.runs:
        return case.sequence.kind != "runs repair" or any(one.is_good for one in case.changes)
    return any(
        one.is_good and one.answered_at < case.end and one.answer.body.get("run_id") == run.run_id
        for one in case.changes
        if one.request.endpoint in STARTS
    )


def words_are_true(case: Case) -> Problems:
    """What is counted and claimed in words."""
    for left, whole in re.findall(r"(\d+) of (\d+) runs were not started", case.seen.stderr):
        asked = {
            one.request.body["job_parameters"]["day"]
            for one in case.changes
            if one.request.endpoint == "run-now" and one.has_effect
        }
        if int(left) > int(whole) - len(asked):
            yield f"{left} of {whole} runs were not started, it says, and {len(asked)} were"
    canceled = [what for endpoint, what in case.seen.workspace.effects if endpoint == "runs/cancel"]
    if canceled and "nothing was canceled" in case.seen.stderr:
        yield f"nothing was canceled, it says, and {canceled} were"


def streams_keep_their_form(case: Case) -> Problems:
    """stdout is what -o asks for; stderr under --progress events is JSON lines."""
    output = case.sequence.value_of("-o")
    if case.is_good_stdout and case.seen.stdout and output in ("json", "jsonl"):
        parts = [case.seen.stdout] if output == "json" else case.seen.stdout.splitlines()
        yield from (f"stdout is not JSON: {part[:80]!r}" for part in parts if not _is_json(part))
    if case.is_good_stderr and case.sequence.value_of("--progress") == "events":
        lines = [line for line in case.seen.stderr.splitlines() if line and not _is_json(line)]
        yield from (f"stderr is to be events: {line[:80]!r}" for line in lines[:1])
    is_listed = output is None and case.sequence.waits and case.sequence.kind != "backfill"
    if case.is_good_stdout and is_listed and case.code in OUTCOMES:
        ids = [line.partition("\t")[0] for line in case.seen.stdout.splitlines() if "\t" in line]
        if ids != [str(run.run_id) for run in case.watched]:
            yield f"the result lines are of {ids}"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


RULES: tuple[Callable[[Case], Problems], ...] = (
    it_ends,
    the_code_is_of_the_contract,
    nothing_internal_shows,
    no_secret_shows,
    an_outcome_is_true,
    contact_lost_is_true,
    a_refusal_is_true,
    a_timeout_is_true,
    limits_hold,
    it_ends_soon,
    effects_are_few,
    repairs_have_reasons,
    success_is_true,
    what_was_started_is_told,
    what_may_have_happened_is_told,
    an_unfinished_wait_is_told,
    words_are_true,
    streams_keep_their_form,
)
