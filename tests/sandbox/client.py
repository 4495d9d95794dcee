"""What the tests speak to the sandbox with: bare HTTP, and tasks written as code."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

Json = dict[str, Any]

TERMINAL = {"TERMINATED", "SKIPPED", "INTERNAL_ERROR"}
PATIENCE = 60.0
"""Seconds until a test gives up on a state."""


@dataclass
class Client:
    """Calls of the Jobs API; `version` is that of every call that names no other."""

    url: str
    token: str
    root: Path
    version: str = "2.2"
    session: requests.Session = field(default_factory=requests.Session)

    def send(
        self, method: str, path: str, /, *, version: str | None = None, **params: Any
    ) -> requests.Response:
        url = f"{self.url}/api/{version or self.version}/{path}"
        headers = {"Authorization": f"Bearer {self.token}"}
        query, body = (params, None) if method == "GET" else (None, params)
        return self.session.request(method, url, params=query, json=body, headers=headers, timeout=PATIENCE)

    def get(self, path: str, /, *, version: str | None = None, **params: Any) -> Json:
        return _answer(self.send("GET", path, version=version, **params))

    def post(self, path: str, /, *, version: str | None = None, **body: Any) -> Json:
        return _answer(self.send("POST", path, version=version, **body))

    def refusal(
        self, method: str, path: str, /, *, version: str | None = None, **params: Any
    ) -> tuple[int, str, str]:
        """Status, error_code and message of a call that is refused."""
        response = self.send(method, path, version=version, **params)
        body = response.json()
        return response.status_code, body.get("error_code", ""), body.get("message", "")

    # Tasks

    def python(self, task_key: str, code: str = "", *, after: Iterable[str] = (), **fields: Any) -> Json:
        """A spark_python_task that runs this code."""
        (self.root / f"{task_key}.py").write_text(code, "utf-8")
        own = {"python_file": f"{task_key}.py", "parameters": fields.pop("parameters", [])}
        return _task(task_key, after, fields) | {"spark_python_task": own}

    def notebook(self, task_key: str, code: str = "", *, after: Iterable[str] = (), **fields: Any) -> Json:
        """A notebook_task that runs this code."""
        (self.root / f"{task_key}.py").write_text(code, "utf-8")
        own = {"notebook_path": f"/{task_key}", "base_parameters": fields.pop("base_parameters", {})}
        return _task(task_key, after, fields) | {"notebook_task": own}

    # Runs

    def submit(self, *tasks: Json, **settings: Any) -> int:
        return int(self.post("jobs/runs/submit", tasks=list(tasks), **settings)["run_id"])

    def create(self, *tasks: Json, version: str | None = None, **settings: Any) -> int:
        return int(self.post("jobs/create", version=version, tasks=list(tasks), **settings)["job_id"])

    def run_now(self, job_id: int, **params: Any) -> int:
        return int(self.post("jobs/run-now", job_id=job_id, **params)["run_id"])

    def run(self, run_id: int, **params: Any) -> Json:
        return self.get("jobs/runs/get", run_id=run_id, **params)

    def wait(self, run_id: int, until: Callable[[Json], bool] | None = None) -> Json:
        """The run once it is so, by default once it has ended."""
        until = until or (lambda run: run["state"]["life_cycle_state"] in TERMINAL)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if until(run := self.run(run_id)):
                return run
            time.sleep(0.01)
        raise AssertionError(f"not within {PATIENCE} s: {run}")

    def wait_for_task(self, run_id: int, task_key: str, life_cycle_state: str) -> Json:
        def states(run: Json) -> dict[str, str]:
            """Of the newest attempts; a queued run has none yet."""
            return {item["task_key"]: item["state"]["life_cycle_state"] for item in run["tasks"]}

        return self.wait(run_id, lambda run: states(run).get(task_key) == life_cycle_state)

    def finish(self, *tasks: Json, **settings: Any) -> Json:
        """Submit, and wait for the end."""
        return self.wait(self.submit(*tasks, **settings))

    def output(self, run: Json, task_key: str) -> Json:
        """What the newest attempt at a task left."""
        return self.get("jobs/runs/get-output", run_id=task(run, task_key)["run_id"])


def task(run: Json, task_key: str) -> Json:
    """The newest attempt at a task of the run."""
    newest: Json = [item for item in run["tasks"] if item["task_key"] == task_key][-1]
    return newest


def state(item: Json) -> tuple[str, str | None]:
    """life_cycle_state and result_state of a run or task."""
    return item["state"]["life_cycle_state"], item["state"].get("result_state")


def results(run: Json) -> dict[str, str | None]:
    """The result_state of each task."""
    return {item["task_key"]: item["state"].get("result_state") for item in run["tasks"]}


def _task(task_key: str, after: Iterable[str], fields: Json) -> Json:
    return {"task_key": task_key, "depends_on": [{"task_key": key} for key in after], **fields}


def _answer(response: requests.Response) -> Json:
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer
