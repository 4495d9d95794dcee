"""`--notify`: one POST to a webhook when a wait ends, in the form that Slack, Microsoft Teams or others take.

It never changes how a wait ends: a notification that is not accepted is a warning.
Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and
https://learn.microsoft.com/en-us/connectors/teams/#microsoft-teams-webhook
"""

import json
from collections.abc import Mapping
from html import escape
from typing import Any
from urllib.parse import urlsplit

from dbjobs.api.states import SEVERITY
from dbjobs.common.clock import Clock
from dbjobs.output.delivery import deliver
from dbjobs.output.formatting import count, format_state
from dbjobs.output.repairs import describe_repairs
from dbjobs.output.streams import Streams
from dbjobs.runs.snapshots import Snapshot, WatchedRun

MAX_RUNS = 20
"""Runs that a message names, the failed ones first; JSON has all of them."""

MAX_STATE_MESSAGE = 300
"""Characters of a message of the API."""

WEBHOOK_RETRIED = (429, *range(500, 600))
HEADERS = {"Content-Type": "application/json"}
SLACK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
TEAMS_HOSTS = (".webhook.office.com", ".logic.azure.com", ".api.powerplatform.com")


def send_notification(
    url: str,
    snapshot: Snapshot,
    note: str,
    not_started: Mapping[str, str],
    streams: Streams,
    clock: Clock,
    *,
    may_wait: bool = True,
) -> None:
    """Send it once; tried again where it was not delivered."""
    text = json.dumps(make_body(url, snapshot, note, not_started), ensure_ascii=False)
    body = streams.censor(text).encode(errors="replace")
    problem = deliver(url, body, HEADERS, clock, retried=WEBHOOK_RETRIED, may_wait=may_wait)
    if problem:
        streams.warn(f"the notification was not delivered: {problem}")
    else:
        streams.detail(f"{urlsplit(url).hostname} was notified")


def make_body(url: str, snapshot: Snapshot, note: str, not_started: Mapping[str, str]) -> dict[str, Any]:
    """The form that the host of the URL takes."""
    host = urlsplit(url).hostname or ""
    if host in SLACK_HOSTS:
        return {"text": "\n".join(escape(line, quote=False) for line in _lines(snapshot, note, not_started))}
    if host.endswith(TEAMS_HOSTS):
        # an adaptive card, of runs of text: these are shown as they are, without markup
        texts = [{"type": "TextRun", "text": line} for line in _lines(snapshot, note, not_started)]
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [{"type": "RichTextBlock", "inlines": [text]} for text in texts],
        }
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
        return {"type": "message", "attachments": [attachment]}
    return {
        "event": "dbjobs.wait_ended",
        "summary": _title(snapshot, not_started),
        "note": note,
        "runs": [_describe(watched) for watched in snapshot.runs],
        "not_started": dict(not_started),
    }


def _describe(watched: WatchedRun) -> dict[str, Any]:
    run = watched.run
    described: dict[str, Any] = {"run_id": watched.run_id, "label": watched.label}
    if run is not None:
        described |= {
            "job_id": run.job_id,
            "run_name": run.run_name,
            "life_cycle_state": run.life_cycle_state,
            "result_state": run.result_state,
            "state_message": run.message,
            "start_time": run.start_time,
            "end_time": run.end_time,
            "run_page_url": run.run_page_url,
            "failed_tasks": [task.task_key for task in run.failed_tasks],
            "repairs": describe_repairs(watched),
        }
    return described


def _by_severity(snapshot: Snapshot) -> list[WatchedRun]:
    """Runs whose end was not seen, then the most severe outcomes first."""

    def rank(watched: WatchedRun) -> int:
        outcome = watched.run.outcome if watched.run else None
        return -1 if outcome is None else SEVERITY[outcome]

    return sorted(snapshot.runs, key=rank)


def _title(snapshot: Snapshot, not_started: Mapping[str, str]) -> str:
    """How many succeeded: sets without a run did not."""
    good = sum(bool(one.run and one.run.outcome and one.run.outcome.is_good) for one in snapshot.runs)
    if len(snapshot.runs) == 1:
        return _line(snapshot.runs[0])
    if not_started:
        return f"{good} of {count(len(snapshot.runs) + len(not_started), 'set')} succeeded"
    return f"{good} of {count(len(snapshot.runs), 'run')} succeeded"


def _line(watched: WatchedRun) -> str:
    run = watched.run
    if run is None:
        return f"run {watched.run_id}: not seen"
    name = f"{run.run_name}, {watched.label}" if watched.label else run.run_name
    is_good = run.outcome is not None and run.outcome.is_good
    message = "" if is_good or not run.message else f": {run.message[:MAX_STATE_MESSAGE]}"
    repairs = "".join(f"; {line[:MAX_STATE_MESSAGE]}" for line in describe_repairs(watched))
    return f"{format_state(run)}  {name} (run {watched.run_id}){message}{repairs}"


def _lines(snapshot: Snapshot, note: str, not_started: Mapping[str, str]) -> list[str]:
    lines = [_title(snapshot, not_started)]
    if note:
        lines.append(note)
    if len(snapshot.runs) > 1:
        lines += [_line(watched) for watched in _by_severity(snapshot)[:MAX_RUNS]]
    if (left := len(snapshot.runs) - MAX_RUNS) > 0:
        lines.append(f"and {count(left, 'other run')}")
    if not_started:
        lines.append(f"{count(len(not_started), 'parameter set')} without a run")
    urls = [one.run.run_page_url for one in _by_severity(snapshot)[:1] if one.run]
    return lines + [url for url in urls if url]
