"""Drives every Jobs method of the official databricks-sdk against a workspace; a program of its own.

`drive_sdk.py VERSION` speaks that version of the Jobs API, whatever the SDK's own is, and prints which it was
asked to speak. The workspace, from DATABRICKS_HOST and DATABRICKS_TOKEN, has the files of `test_peers`.
"""

import base64
import json
import re
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound, OperationFailed
from databricks.sdk.service import jobs as api

SOON = timedelta(seconds=60)

sleep = time.sleep
time.sleep = lambda seconds: sleep(min(float(seconds), 0.05))  # the SDK's waiters begin with a second


class Watched:
    """The Jobs API of the SDK; notes which of its methods were called."""

    def __init__(self, jobs: Any) -> None:
        self._jobs = jobs
        self.called: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.called.add(name)
        return getattr(self._jobs, name)

    @property
    def uncalled(self) -> set[str]:
        return {name for name in dir(self._jobs) if not name.startswith("_")} - self.called


def speak(client: WorkspaceClient, version: str) -> set[str]:
    """Let the client speak this version; returns the set of those that it would speak."""
    do, own = client.api_client.do, set[str]()

    def redirected(method: str, path: str, **options: Any) -> Any:
        if match := re.fullmatch(r"/api/(2\.\d)(/jobs/.*)", path):
            own.add(match[1])
            path = f"/api/{version}{match[2]}"
        return do(method, path, **options)

    client.api_client.do = redirected  # type: ignore[method-assign, assignment]
    return own


def python(key: str, file: str, *after: str, **fields: Any) -> dict[str, Any]:
    """The fields of a task of either kind."""
    depends_on = [api.TaskDependency(task_key=one) for one in after]
    own = api.SparkPythonTask(python_file=file, parameters=["{{job.parameters.day}}"])
    return {"task_key": key, "spark_python_task": own, "depends_on": depends_on, **fields}


def drive_jobs(jobs: Any) -> int:
    """Create, list, get, update, reset; returns the id of a job of two tasks."""
    made = jobs.create(
        name="nightly",
        tasks=[api.Task(**python("a", "ok.py")), api.Task(**python("b", "fixable.py", "a"))],
        parameters=[api.JobParameterDefinition(name="day", default="monday")],
        job_clusters=[],
    )
    clusters = {f"c{n}": None for n in range(120)}
    large = jobs.create(
        name="large",
        tasks=[api.Task(**python(f"t{n}", "ok.py")) for n in range(250)],
        parameters=[api.JobParameterDefinition(name=key, default="") for key in clusters],
    )
    expected = {made.job_id: 2, large.job_id: 250}
    assert {job.job_id: job.settings.name for job in jobs.list()} == {
        made.job_id: "nightly",
        large.job_id: "large",
    }
    assert [job.job_id for job in jobs.list(name="NIGHTLY")] == [made.job_id]
    assert [job.job_id for job in jobs.list(limit=1)] == [large.job_id, made.job_id]
    if VERSION == "2.2" and PAGES_ITEMS:
        assert {job.job_id: len(job.settings.tasks) for job in jobs.list(expand_tasks=True)} == expected
        got = jobs.get(large.job_id)
        assert len(got.settings.tasks) == 250
        assert len(got.settings.parameters) == 120
    jobs.update(large.job_id, new_settings=api.JobSettings(name="renamed"), fields_to_remove=["parameters"])
    settings = jobs.get(large.job_id).settings
    assert (settings.name, bool(settings.parameters)) == ("renamed", False)
    task = api.Task(**python("only", "ok.py"))
    jobs.reset(large.job_id, new_settings=api.JobSettings(name="reset", tasks=[task]))
    assert jobs.get(large.job_id).settings.tasks[0].task_key == "only"
    jobs.delete(large.job_id)
    assert "does not exist" in problem_of(NotFound, lambda: jobs.get(large.job_id))
    return int(made.job_id)


def drive_runs(jobs: Any, job_id: int, repaired_file: str) -> None:
    """Run now, wait, get, output, repair, list, cancel, delete."""
    run = jobs.run_now(job_id, job_parameters={"day": "friday"}).result(timeout=SOON)
    assert result_of(run) == "FAILED"
    assert [parameter.value for parameter in run.job_parameters] == ["friday"]
    tasks = {task.task_key: task for task in run.tasks}
    output = jobs.get_run_output(tasks["a"].run_id)
    assert (output.logs, output.metadata.run_id) == ("ok ['friday']\n", tasks["a"].run_id)
    assert "not yet" in jobs.get_run_output(tasks["b"].run_id).error
    first = jobs.repair_run_and_wait(run.run_id, rerun_all_failed_tasks=True, timeout=SOON)
    assert result_of(first) == "FAILED"
    with open(repaired_file, "w", encoding="utf-8") as file:  # noqa: PTH123 - nothing but the SDK here
        file.write("")
    (latest,) = [one.id for one in jobs.get_run(run.run_id, include_history=True).repair_history if one.id]
    waiter = jobs.repair_run(run.run_id, rerun_tasks=["b"], latest_repair_id=latest)
    assert result_of(waiter.result(timeout=SOON)) == "SUCCESS"
    history = jobs.get_run(run.run_id, include_history=True, include_resolved_values=True).repair_history
    assert [one.type.value for one in history] == ["ORIGINAL", "REPAIR", "REPAIR"]

    second = jobs.run_now_and_wait(job_id, timeout=SOON)
    listed = list(jobs.list_runs(job_id=job_id, limit=1, completed_only=True, expand_tasks=True))
    assert [one.run_id for one in listed] == [second.run_id, run.run_id]
    assert [task.task_key for task in listed[0].tasks] == ["a", "b"]
    assert jobs.wait_get_run_job_terminated_or_skipped(run.run_id, SOON).run_id == run.run_id

    slow = [api.SubmitTask(**python("slow", "slow.py"))]
    one = jobs.submit(tasks=slow, run_name="slow", idempotency_token="once")
    assert jobs.submit(tasks=slow, idempotency_token="once").run_id == one.run_id
    assert [run.run_id for run in jobs.list_runs(active_only=True)] == [one.run_id]
    assert result_of(jobs.cancel_run_and_wait(one.run_id, timeout=SOON)) == "CANCELED"
    assert result_of(jobs.cancel_run(one.run_id).result(timeout=SOON)) == "CANCELED"
    queued = jobs.run_now(job_id)
    jobs.cancel_all_runs(job_id=job_id)
    assert result_of(queued.result(timeout=SOON)) == "CANCELED"
    jobs.delete_run(one.run_id)
    assert one.run_id not in {run.run_id for run in jobs.list_runs()}


def drive_tasks(jobs: Any) -> None:
    """A failing one-time run, a notebook's page, and a for-each task of several pages."""
    bad = [api.SubmitTask(**python("bad", "bad.py"))]
    problem = problem_of(OperationFailed, lambda: jobs.submit_and_wait(tasks=bad, timeout=SOON))
    assert "Workload failed" in problem
    notebook = api.SubmitTask(task_key="page", notebook_task=api.NotebookTask(notebook_path="/page"))
    run = jobs.submit_and_wait(tasks=[notebook], timeout=SOON)
    assert jobs.get_run_output(run.tasks[0].run_id).notebook_output.result == "done"
    (view,) = jobs.export_run(run.tasks[0].run_id, views_to_export=api.ViewsToExport.ALL).views
    encoded = re.search(r"__DATABRICKS_NOTEBOOK_MODEL = '([^']*)'", view.content)
    assert encoded
    model = json.loads(unquote(base64.b64decode(encoded[1]).decode()))
    assert [command["command"] for command in model["commands"]] == ["dbutils.notebook.exit('done')"]
    each = api.ForEachTask(
        inputs=json.dumps(list(range(120))),
        concurrency=100,
        task=api.Task(task_key="sql", sql_task=api.SqlTask(warehouse_id="w")),
    )
    run = jobs.submit_and_wait(tasks=[api.SubmitTask(task_key="each", for_each_task=each)], timeout=SOON)
    assert run.tasks[0].for_each_task.stats.task_run_stats.total_iterations == 120
    iterations = jobs.get_run(run.tasks[0].run_id).iterations
    assert len(iterations) == (120 if VERSION == "2.2" else 100)


def drive_permissions(jobs: Any, job_id: int) -> None:
    """They are kept, and have no effect."""
    viewers = api.JobAccessControlRequest(
        group_name="users", permission_level=api.JobPermissionLevel.CAN_VIEW
    )
    owner = api.JobAccessControlRequest(
        user_name="ann@sandbox.local", permission_level=api.JobPermissionLevel.IS_OWNER
    )
    assert len(jobs.get_permissions(str(job_id)).access_control_list) == 2
    jobs.set_permissions(str(job_id), access_control_list=[owner])
    jobs.update_permissions(str(job_id), access_control_list=[viewers])
    listed = jobs.get_permissions(str(job_id)).access_control_list
    assert [item.user_name or item.group_name for item in listed] == ["ann@sandbox.local", "users", "admins"]
    levels = jobs.get_permission_levels(str(job_id)).permission_levels
    assert {level.permission_level for level in levels} == set(api.JobPermissionLevel)


def problem_of(kind: type[Exception], call: Callable[[], Any]) -> str:
    """What a call complains of that is to fail."""
    try:
        call()
    except kind as error:
        return str(error)
    raise AssertionError(f"no {kind.__name__} came")


def result_of(run: Any) -> str:
    if VERSION == "2.2" and hasattr(run, "status"):
        assert run.status.state.value == "TERMINATED"
    return str(run.state.result_state.value)


VERSION, REPAIRED_FILE = sys.argv[1:]
PAGES_ITEMS = hasattr(api.BaseJob(), "has_more")
"""Newer SDKs put the pages of an item's arrays together."""


def main() -> None:
    client = WorkspaceClient()
    own = speak(client, VERSION)
    assert client.current_user.me().user_name == "user@sandbox.local"
    jobs = Watched(client.jobs)
    job_id = drive_jobs(jobs)
    drive_runs(jobs, job_id, REPAIRED_FILE)
    drive_tasks(jobs)
    drive_permissions(jobs, job_id)
    assert jobs.uncalled == set()
    print(*own)  # noqa: T201 - its result


if __name__ == "__main__":
    main()
