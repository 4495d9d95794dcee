"""What earlier calls saw of a workspace: its jobs, runs and task keys, for completion to offer.

Ids, names and states alone are kept, in the user's cache directory, a file a host. Nothing here
ever fails: a file that cannot be read or written counts for nothing.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

Facts = dict[str, Any]
Remembered = dict[str, dict[str, Any]]

JOBS, RUNS = "jobs", "runs"
MOST = {JOBS: 2000, RUNS: 200}
"""So many are kept, the latest seen first."""


def cache_folder() -> Path:
    """Where caches belong on this system."""
    from platformdirs import user_cache_path

    return user_cache_path("dbjobs", appauthor=False)


def read_cache(name: str) -> Any:
    """A document of the cache; {} where there is none to be had."""
    with suppress(Exception):
        return json.loads((cache_folder() / f"{name}.json").read_text("utf-8"))
    return {}


def write_cache(name: str, document: Any) -> None:
    """For the user alone, and whole or not at all."""
    from dbjobs.common.files import write_whole

    with suppress(Exception):
        data = json.dumps(document, separators=(",", ":")).encode()
        write_whole(cache_folder() / f"{name}.json", data, overwrite=True, is_private=True)


def place_of(host: str) -> str:
    """The name of a workspace's document, be its host given as a URL or as people paste it."""
    host, _, query = re.sub(r"^\w+://", "", host.strip()).partition("/")
    workspace = re.search(r"[?&](?:o|w|workspace_id)=([\w.-]+)", query)
    name = host.partition("?")[0].lower() + (f"+{workspace[1]}" if workspace else "")
    return re.sub(r"[^\w.+-]", "_", name)


def recall(host: str) -> Remembered:
    """`jobs` and `runs`, from id, as a text, to `name` and `tasks`; `asked`: when a list was read."""
    found = read_cache(place_of(host))
    is_ours = isinstance(found, dict) and all(
        isinstance(found.get(kind, {}), dict) for kind in (*MOST, "asked")
    )
    return {kind: found.get(kind, {}) if is_ours else {} for kind in (*MOST, "asked")}


class Memory:
    """What one call learns; `keep` adds it to what is known."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, Facts | None]] = {"jobs": {}, "runs": {}}
        self._asked: list[str] = []

    def learn(self, path: str, sent: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """From a good answer of the Jobs API to what was sent to a path."""
        endpoint = path.partition("/jobs/")[2]
        with suppress(Exception):  # whatever a server says, it is no reason to fail
            if endpoint in ("list", "runs/list"):
                self._learn_list(sent, answer)
            elif endpoint in ("create", "reset", "get"):
                self._see_job({**sent, "settings": sent.get("new_settings") or sent, **answer})
            elif endpoint in ("run-now", "runs/submit", "runs/get"):
                self._see_run({**sent, **answer})
            elif endpoint in ("delete", "runs/delete"):
                kind = "jobs" if endpoint == "delete" else "runs"
                self._seen[kind][str(sent[f"{kind[:-1]}_id"])] = None

    def _learn_list(self, sent: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        for job in (answer.get("jobs") or ())[: self._room("jobs")]:
            self._see_job(job)
        for run in (answer.get("runs") or ())[: self._room("runs")]:
            self._see_run(run)
        if not sent.keys() & {"name", "job_id", "active_only", "completed_only", "start_time_from"}:
            self._asked.extend(kind for kind in MOST if kind in answer)

    def _room(self, kind: str) -> int:
        """How many more are worth a look: what is listed first is the latest."""
        return max(0, MOST[kind] - len(self._seen[kind]))

    def _see_job(self, job: Mapping[str, Any]) -> None:
        settings = job.get("settings") or {}
        self._see("jobs", job["job_id"], settings.get("name"), settings.get("tasks"))

    def _see_run(self, run: Mapping[str, Any]) -> None:
        from dbjobs.api.models import Run

        has_state = run.get("state") or run.get("status")
        state = Run(dict(run)).shown_state if has_state else None
        name, tasks = run.get("run_name"), run.get("tasks")
        self._see("runs", run["run_id"], name, tasks, state=state, job_id=run.get("job_id"))

    def _see(self, kind: str, key: int, name: str | None, tasks: Any, **more: Any) -> None:
        keys = dict.fromkeys(str(task["task_key"]) for task in tasks or ())
        found = {"name": name, "tasks": list(keys), **more}
        facts = {key: value for key, value in found.items() if value}
        self._seen[kind][str(key)] = (self._seen[kind].pop(str(key), None) or {}) | facts

    def keep(self, host: str, now: float) -> None:
        """Add it to what is known of the host; nothing is touched if nothing was learned."""
        if any(self._seen.values()) or self._asked:
            with suppress(Exception):
                write_cache(place_of(host), self._joined_to(recall(host), now))

    def _joined_to(self, known: Remembered, now: float) -> Remembered:
        joined: Remembered = {"asked": known["asked"] | dict.fromkeys(self._asked, now)}
        for kind, most in MOST.items():
            old, new = known[kind], self._seen[kind]
            merged = {key: facts and (old.get(key) or {}) | facts for key, facts in new.items()}
            merged |= {key: facts for key, facts in old.items() if key not in new}
            joined[kind] = dict([(key, facts) for key, facts in merged.items() if facts is not None][:most])
        return joined
