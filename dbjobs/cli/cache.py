"""The cache of jobs, runs and task keys that earlier calls saw, for completion.

It has only ids, names and states, in the user's cache directory, one file per workspace. Nothing
here fails: a file that cannot be read or written is ignored.
"""

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

Entries: TypeAlias = dict[str, dict[str, Any]]
"""From a job's or a run's id, as text, to its `name`, `tasks` and, of a run, more."""

MAX_ENTRIES = {"jobs": 2000, "runs": 200}
"""The latest seen are kept."""


def cache_folder() -> Path:
    """Where caches belong on this system."""
    from platformdirs import user_cache_path

    return user_cache_path("dbjobs", appauthor=False)


def read_cache(name: str) -> Any:
    """A document of the cache; {} if there is none that can be read."""
    with suppress(Exception):
        return json.loads((cache_folder() / f"{name}.json").read_text("utf-8"))
    return {}


def write_cache(name: str, document: Any) -> None:
    """For the user alone, and whole or not at all."""
    from dbjobs.common.files import write_whole

    with suppress(Exception):
        data = json.dumps(document, separators=(",", ":")).encode()
        write_whole(cache_folder() / f"{name}.json", data, overwrite=True, is_private=True)


def cache_name(host: str) -> str:
    """The name of a workspace's document, whether its host is a URL or a name as people paste it."""
    host, _, query = re.sub(r"^\w+://", "", host.strip()).partition("/")
    workspace = re.search(r"[?&](?:o|w|workspace_id)=([\w.-]+)", query)
    name = host.partition("?")[0].lower() + (f"+{workspace[1]}" if workspace else "")
    return re.sub(r"[^\w.+-]", "_", name)


def load_workspace(host: str) -> dict[str, Entries]:
    """The `jobs` and `runs` that were seen in a workspace."""
    cached = read_cache(cache_name(host))
    if not isinstance(cached, dict) or not all(
        isinstance(cached.get(kind, {}), dict) for kind in MAX_ENTRIES
    ):
        cached = {}
    return {kind: cached.get(kind, {}) for kind in MAX_ENTRIES}


def read_last_run(host: str) -> int | None:
    """The run that was last started or watched in a workspace, from this machine."""
    run_id = read_cache(_last_run_name(host))
    return run_id if isinstance(run_id, int) else None


def write_last_run(host: str, run_id: int) -> None:
    """Remember it at once: the call may be ended by a signal."""
    write_cache(_last_run_name(host), run_id)


def _last_run_name(host: str) -> str:
    return f"last-run+{cache_name(host)}"


class Cache:
    """What one call sees of a workspace; `save` adds it to what earlier calls saw."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, dict[str, Any] | None]] = {"jobs": {}, "runs": {}}
        """None: deleted"""

    def record(self, endpoint: str, sent: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
        """Record the payload of a successful response to what was sent to an endpoint."""
        with suppress(Exception):  # whatever a server sends must not cause a failure
            if endpoint in ("list", "runs/list"):
                for job in (payload.get("jobs") or ())[: self._entries_left("jobs")]:
                    self._record_job(job)
                for run in (payload.get("runs") or ())[: self._entries_left("runs")]:
                    self._record_run(run)
            elif endpoint in ("create", "reset", "get"):
                self._record_job({**sent, "settings": sent.get("new_settings") or sent, **payload})
            elif endpoint in ("run-now", "runs/submit", "runs/get"):
                self._record_run({**sent, **payload})
            elif endpoint == "delete":
                self._seen["jobs"][str(sent["job_id"])] = None
            elif endpoint == "runs/delete":
                self._seen["runs"][str(sent["run_id"])] = None

    def _entries_left(self, kind: str) -> int:
        """How many more are of use: lists begin with the latest."""
        return max(0, MAX_ENTRIES[kind] - len(self._seen[kind]))

    def _record_job(self, job: Mapping[str, Any]) -> None:
        settings = job.get("settings") or {}
        self._record("jobs", job["job_id"], settings.get("name"), settings.get("tasks"))

    def _record_run(self, run: Mapping[str, Any]) -> None:
        from dbjobs.api.models import Run

        has_state = run.get("state") or run.get("status")
        state = Run(dict(run)).shown_state if has_state else None
        name, tasks = run.get("run_name"), run.get("tasks")
        more = {field: run.get(field) for field in ("job_id", "start_time")}
        self._record("runs", run["run_id"], name, tasks, state=state, **more)

    def _record(self, kind: str, item_id: int, name: str | None, tasks: Any, **more: Any) -> None:
        task_keys = dict.fromkeys(str(task["task_key"]) for task in tasks or ())
        entry = {"name": name, "tasks": list(task_keys), **more}
        known = self._seen[kind].pop(str(item_id), None) or {}
        self._seen[kind][str(item_id)] = known | {key: value for key, value in entry.items() if value}

    def save(self, host: str) -> None:
        """Add it to what is known of the workspace; no file is touched if nothing was seen."""
        if not any(self._seen.values()):
            return
        with suppress(Exception):
            known = load_workspace(host)
            for kind, most in MAX_ENTRIES.items():
                old, new = known[kind], self._seen[kind]
                merged = {key: entry and (old.get(key) or {}) | entry for key, entry in new.items()}
                merged |= {key: entry for key, entry in old.items() if key not in new}
                kept = [(key, entry) for key, entry in merged.items() if entry is not None]
                known[kind] = dict(kept[:most])
            write_cache(cache_name(host), known)
