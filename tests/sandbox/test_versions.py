"""The shapes, limits and pages of each version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .client import state

if TYPE_CHECKING:
    from .client import Client, Json

CLUSTER = {"existing_cluster_id": "0923-164208-meows279"}


def legacy(client: Client, code: str = "print('hello')", **fields: Any) -> Json:
    """Settings in the format of 2.0: one task, its fields at the top."""
    return {"spark_python_task": client.python("main", code)["spark_python_task"], **CLUSTER, **fields}


class TestJobs:
    def test_of_2_0_show_their_task_at_the_top(self, client: Client) -> None:
        job_id = client.post("jobs/create", version="2.0", **legacy(client), name="old", max_retries=2)[
            "job_id"
        ]
        settings = client.get("jobs/get", version="2.0", job_id=job_id)["settings"]
        assert settings["spark_python_task"]["python_file"] == "main.py"
        assert settings["existing_cluster_id"] == CLUSTER["existing_cluster_id"]
        assert (settings["max_retries"], settings["format"]) == (2, "SINGLE_TASK")
        assert "tasks" not in settings
        assert "queue" not in settings

    @pytest.mark.parametrize(("version", "job_format"), [("2.1", "SINGLE_TASK"), ("2.2", "MULTI_TASK")])
    def test_of_2_0_show_their_task_in_tasks_later_on(
        self, client: Client, version: str, job_format: str
    ) -> None:
        job_id = client.post("jobs/create", version="2.0", **legacy(client))["job_id"]
        settings = client.get("jobs/get", version=version, job_id=job_id)["settings"]
        assert [task["task_key"] for task in settings["tasks"]] == ["main"]
        assert settings["tasks"][0]["existing_cluster_id"] == CLUSTER["existing_cluster_id"]
        assert settings["format"] == job_format
        assert "spark_python_task" not in settings

    def test_of_several_tasks_show_none_in_2_0(self, client: Client) -> None:
        job_id = client.create(client.python("a"), client.python("b"))
        settings = client.get("jobs/get", version="2.0", job_id=job_id)["settings"]
        assert settings["format"] == "MULTI_TASK"
        assert "tasks" not in settings

    @pytest.mark.parametrize(("version", "queue"), [("2.0", None), ("2.1", None), ("2.2", {"enabled": True})])
    def test_queue_by_default_from_2_2_on(self, client: Client, version: str, queue: Json | None) -> None:
        job_id = client.create(client.python("a"), version=version)
        assert client.get("jobs/get", job_id=job_id)["settings"].get("queue") == queue

    def test_tell_who_made_them(self, client: Client) -> None:
        job = client.get("jobs/get", job_id=client.create(client.python("a"), name="nightly"))
        assert job["creator_user_name"] == job["run_as_user_name"] == "user@sandbox.local"
        assert job["created_time"] > 1_600_000_000_000
        assert job["settings"]["name"] == "nightly"

    def test_reset_replaces_everything(self, client: Client) -> None:
        job_id = client.create(client.python("a"), name="old", tags={"x": "1"})
        client.post("jobs/reset", job_id=job_id, new_settings={"name": "new", "tasks": [client.python("b")]})
        settings = client.get("jobs/get", job_id=job_id)["settings"]
        assert (settings["name"], "tags" in settings) == ("new", False)
        assert [task["task_key"] for task in settings["tasks"]] == ["b"]

    def test_update_merges_tasks_and_replaces_the_rest(self, client: Client) -> None:
        a, b = client.python("a"), client.python("b")
        job_id = client.create(a, b, name="old", tags={"x": "1"}, schedule={"pause_status": "PAUSED"})
        changes = {"tags": {"y": "2"}, "tasks": [b | {"max_retries": 3}, client.python("c")]}
        client.post(
            "jobs/update",
            job_id=job_id,
            new_settings=changes,
            fields_to_remove=["schedule", "tasks/a", "nothing"],
        )
        settings = client.get("jobs/get", job_id=job_id)["settings"]
        assert (settings["name"], settings["tags"], "schedule" in settings) == ("old", {"y": "2"}, False)
        assert [(task["task_key"], task.get("max_retries")) for task in settings["tasks"]] == [
            ("b", 3),
            ("c", None),
        ]

    def test_update_in_2_0_changes_the_one_task(self, client: Client) -> None:
        job_id = client.post("jobs/create", version="2.0", **legacy(client))["job_id"]
        client.post("jobs/update", version="2.0", job_id=job_id, new_settings={"max_retries": 1})
        settings = client.get("jobs/get", version="2.0", job_id=job_id)["settings"]
        assert settings["max_retries"] == 1
        assert settings["spark_python_task"]

    def test_a_refused_update_changes_nothing(self, client: Client) -> None:
        job_id = client.create(client.python("a"), name="old")
        changes = {"name": "new", "tasks": [client.python("b", after=["z"])]}
        assert client.refusal("POST", "jobs/update", job_id=job_id, new_settings=changes)[0] == 400
        assert client.get("jobs/get", job_id=job_id)["settings"]["name"] == "old"

    def test_delete_twice_is_no_error(self, client: Client) -> None:
        job_id = client.create(client.python("a"))
        for _ in range(2):
            assert client.post("jobs/delete", job_id=job_id) == {}
        assert client.refusal("GET", "jobs/get", job_id=job_id)[2] == f"Job {job_id} does not exist."


class TestRuns:
    def test_in_2_0_show_one_task(self, client: Client) -> None:
        body = legacy(client, run_name="old")
        run_id = client.post("jobs/runs/submit", version="2.0", **body)["run_id"]
        client.wait(run_id)
        run = client.run(run_id, version="2.0")
        assert run["task"] == {"spark_python_task": {"python_file": "main.py", "parameters": []}}
        assert run["cluster_spec"] == CLUSTER
        assert run["cluster_instance"]["cluster_id"] == CLUSTER["existing_cluster_id"]
        assert state(run) == ("TERMINATED", "SUCCESS")
        assert run["execution_duration"] > 0
        assert not {"tasks", "status"} & set(run)
        assert client.get("jobs/runs/get-output", version="2.0", run_id=run_id)["logs"] == "hello\n"

    @pytest.mark.parametrize(("version", "shown"), [("2.1", {"state"}), ("2.2", {"state", "status"})])
    def test_show_state_and_status(self, client: Client, version: str, shown: set[str]) -> None:
        run_id = client.finish(client.python("a"))["run_id"]
        run = client.run(run_id, version=version)
        for item in (run, *run["tasks"]):
            assert {"state", "status"} & set(item) == shown

    def test_of_a_job_name_it(self, client: Client) -> None:
        job_id = client.create(client.python("a"), name="nightly")
        answer = client.post("jobs/run-now", job_id=job_id)
        run = client.run(answer["run_id"])
        assert (run["job_id"], run["run_name"], run["run_type"]) == (job_id, "nightly", "JOB_RUN")
        assert (
            answer["number_in_job"] == run["number_in_job"] == run["original_attempt_run_id"] == run["run_id"]
        )
        assert run["run_page_url"] == f"{client.url}/?o=0#job/{job_id}/run/{run['run_id']}"
        assert run["end_time"] == 0

    def test_may_be_looked_at_task_by_task(self, client: Client) -> None:
        run = client.finish(client.python("a", max_retries=1))
        attempt = client.run(run["tasks"][0]["run_id"])
        assert (attempt["run_id"], attempt["job_run_id"]) == (run["tasks"][0]["run_id"], run["run_id"])
        assert state(attempt) == ("TERMINATED", "SUCCESS")

    @pytest.mark.parametrize("version", ["2.1", "2.2"])
    def test_have_output_by_task_only(self, client: Client, version: str) -> None:
        run = client.finish(client.python("a"))
        refusal = client.refusal("GET", "jobs/runs/get-output", version=version, run_id=run["run_id"])
        assert refusal[:2] == (400, "INVALID_PARAMETER_VALUE")
        assert refusal[2].startswith("Retrieving the output of runs with multiple tasks is not supported.")

    def test_of_a_job_can_be_deleted_one_by_one(self, client: Client) -> None:
        job_id = client.create(client.python("a"), max_concurrent_runs=3)
        runs = [client.run_now(job_id) for _ in range(3)]
        for run_id in runs:
            client.wait(run_id)
        client.post("jobs/runs/delete", run_id=runs[1])
        left = client.get("jobs/runs/list", job_id=job_id)["runs"]
        assert [run["run_id"] for run in left] == [runs[2], runs[0]]

    def test_can_be_deleted_once_they_ended(self, client: Client) -> None:
        run_id = client.submit(client.python("a", "import time; time.sleep(60)"))
        assert client.refusal("POST", "jobs/runs/delete", run_id=run_id)[0] == 400
        client.post("jobs/runs/cancel", run_id=run_id)
        run = client.wait(run_id)
        assert client.post("jobs/runs/delete", run_id=run_id) == {}
        for gone in (run_id, run["tasks"][0]["run_id"]):
            assert client.refusal("GET", "jobs/runs/get", run_id=gone)[2] == f"Run {gone} does not exist."


class TestPages:
    def pages(self, client: Client, path: str, name: str, **params: Any) -> list[list[Json]]:
        """Every page's items, by following next_page_token."""
        pages: list[list[Json]] = []
        token: dict[str, str] = {}
        while True:
            page = client.get(path, **params, **token)
            pages.append(page.get(name, []))
            if "next_page_token" not in page:
                assert not page.get("has_more")
                return pages
            token = {"page_token": page["next_page_token"]}

    def test_of_a_long_run(self, client: Client) -> None:
        tasks = [{"task_key": f"t{n}", "sql_task": {}} for n in range(250)]
        run_id = client.submit(*tasks, job_clusters=[{"job_cluster_key": "c"}])
        client.wait(run_id)
        pages = self.pages(client, "jobs/runs/get", "tasks", run_id=run_id)
        assert [len(page) for page in pages] == [100, 100, 50]
        assert [task["task_key"] for page in pages for task in page] == [task["task_key"] for task in tasks]
        clusters = self.pages(client, "jobs/runs/get", "job_clusters", run_id=run_id)
        assert [len(page) for page in clusters] == [1, 0, 0]
        assert len(client.run(run_id, version="2.1")["tasks"]) == 100
        listed = client.get("jobs/runs/list", expand_tasks=True)["runs"][0]
        assert (len(listed["tasks"]), listed["has_more"]) == (100, True)

    def test_of_a_long_job(self, client: Client) -> None:
        job_id = client.create(*[{"task_key": f"t{n}", "sql_task": {}} for n in range(101)])
        pages = self.pages(client, "jobs/get", "settings", job_id=job_id)
        assert [len(page["tasks"]) for page in pages] == [100, 1]  # type: ignore[call-overload]
        listed = client.get("jobs/list", expand_tasks=True)["jobs"][0]
        assert (len(listed["settings"]["tasks"]), listed["has_more"]) == (100, True)

    @pytest.mark.parametrize("version", ["2.1", "2.2"])
    def test_of_the_jobs(self, client: Client, version: str) -> None:
        made = [client.create(client.python("a"), name=f"job {n % 2}") for n in range(7)]
        pages = self.pages(client, "jobs/list", "jobs", version=version, limit=3)
        assert [[job["job_id"] for job in page] for page in pages] == [made[6:3:-1], made[3:0:-1], made[:1]]
        assert all("tasks" not in job["settings"] for page in pages for job in page)
        named = client.get("jobs/list", version=version, name="JOB 1")["jobs"]
        assert [job["job_id"] for job in named] == made[5::-2]

    def test_of_the_jobs_do_not_exist_in_2_0(self, client: Client) -> None:
        made = [client.create(client.python("a")) for _ in range(22)]
        assert len(client.get("jobs/list", version="2.0", limit=5)["jobs"]) == len(made)

    def test_of_the_runs_stay_put_while_new_ones_come(self, client: Client) -> None:
        runs = [client.submit(client.python("a")) for _ in range(5)]
        first = client.get("jobs/runs/list", limit=2)
        client.submit(client.python("a"))
        second = client.get("jobs/runs/list", limit=2, page_token=first["next_page_token"])
        assert [run["run_id"] for run in first["runs"] + second["runs"]] == runs[4:0:-1]
        back = client.get("jobs/runs/list", limit=2, page_token=second["prev_page_token"])
        assert [run["run_id"] for run in back["runs"]] == runs[4:2:-1]

    def test_of_the_runs_by_offset_in_2_0(self, client: Client) -> None:
        runs = [client.submit(client.python("a")) for _ in range(5)]
        page = client.get("jobs/runs/list", version="2.0", limit=2, offset=2)
        assert [run["run_id"] for run in page["runs"]] == runs[2:0:-1]
        assert page["has_more"] is True
        assert "next_page_token" not in page

    @pytest.mark.parametrize(
        ("path", "version", "limit"),
        [
            *(("jobs/list", version, limit) for version in ("2.1", "2.2") for limit in (0, 101, -1)),
            *(("jobs/runs/list", version, limit) for version in ("2.1", "2.2") for limit in (26, -1)),
            *(("jobs/runs/list", "2.0", limit) for limit in (1001, -1)),
        ],
    )
    def test_have_limits(self, client: Client, path: str, version: str, limit: int) -> None:
        assert client.refusal("GET", path, version=version, limit=limit)[:2] == (
            400,
            "INVALID_PARAMETER_VALUE",
        )

    @pytest.mark.parametrize("version", ["2.0", "2.1", "2.2"])
    def test_have_offsets_up_to_10_000(self, client: Client, version: str) -> None:
        assert client.get("jobs/runs/list", version=version, offset=10_000) == {"has_more": False}
        assert client.refusal("GET", "jobs/runs/list", version=version, offset=10_001)[0] == 400

    def test_have_tokens_that_cannot_be_forged(self, client: Client) -> None:
        for _ in range(3):
            client.create(client.python("a"))
            client.submit(client.python("a"))
        token = client.get("jobs/list", limit=1)["next_page_token"]
        assert client.get("jobs/list", limit=1, page_token=token)["jobs"]
        other = "y" if token[0] == "x" else "x"
        for forged in (token[:-2], token + "AA", other + token[1:], "nonsense!"):
            assert client.refusal("GET", "jobs/list", page_token=forged)[1] == "INVALID_PARAMETER_VALUE"
        assert client.refusal("GET", "jobs/runs/list", page_token=token)[1] == "INVALID_PARAMETER_VALUE"


class TestRunsList:
    def ids(self, client: Client, **params: Any) -> list[int]:
        return [run["run_id"] for run in client.get("jobs/runs/list", **params).get("runs", [])]

    def test_filters(self, client: Client) -> None:
        job_id = client.create(client.python("sleep", "import time; time.sleep(60)"))
        done = client.finish(client.python("a"))
        active = client.run_now(job_id)
        assert self.ids(client) == [active, done["run_id"]]
        assert self.ids(client, active_only=True) == [active]
        assert self.ids(client, completed_only="true") == [done["run_id"]]
        assert self.ids(client, job_id=job_id) == [active]
        assert self.ids(client, run_type="SUBMIT_RUN") == [done["run_id"]]
        assert self.ids(client, run_type="WORKFLOW_RUN") == []
        assert self.ids(client, start_time_to=done["start_time"]) == [done["run_id"]]
        assert self.ids(client, start_time_from=done["end_time"]) == [active]

    def test_excludes_contradictions(self, client: Client) -> None:
        refusal = client.refusal("GET", "jobs/runs/list", active_only=True, completed_only=True)
        assert refusal[:2] == (400, "INVALID_PARAMETER_VALUE")

    def test_leaves_tasks_out_unless_asked(self, client: Client) -> None:
        client.finish(client.python("a"))
        assert "tasks" not in client.get("jobs/runs/list")["runs"][0]
        assert client.get("jobs/runs/list", expand_tasks=True)["runs"][0]["tasks"]
