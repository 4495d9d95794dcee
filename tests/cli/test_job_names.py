"""Jobs found by their names: `--name` is exact and says so, `--match` takes a part."""

from typing import Any

import pytest

from tests.conftest import Dbjobs, Serve
from tests.support.fakes import Reply, by_endpoint

NAMES = ["daily sales", "Sales report", "nightly", None, "nightly"]
JOBS: list[dict[str, Any]] = [
    {"job_id": number, "settings": {"name": name} if name else {}} for number, name in enumerate(NAMES, 1)
]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--match", "SALES"], ["1", "2"]),
        (["--match", "night", "--limit", "1"], ["3"]),
        (["--match", "weekly"], []),
        (["--name", "NIGHTLY"], ["3", "5"]),
    ],
)
def test_jobs_are_found_by_a_part_of_their_name_or_by_all_of_it(
    dbjobs: Dbjobs, serve: Serve, options: list[str], ids: list[str]
) -> None:
    serve(by_endpoint({"list": {"jobs": JOBS}}))

    done = dbjobs("jobs", "list", *options, "-o", "id")

    assert (done.exit_code, done.lines, done.stderr) == (0, ids, "")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("sales", "; there is 'daily sales', 'Sales report'"),
        ("nigtly", "; there is 'nightly'"),
        ("accounting", ""),
    ],
)
def test_a_name_that_no_job_has_is_answered_with_the_nearest(
    dbjobs: Dbjobs, serve: Serve, name: str, nearest: str
) -> None:
    serve(by_endpoint({"list": {"jobs": JOBS}}))

    done = dbjobs("jobs", "list", "--name", name, "-o", "json")

    assert (done.exit_code, done.stdout) == (0, "[]\n")
    assert done.stderr == f"--name is exact, and no job is named {name!r}{nearest}; try --match\n"


def test_a_search_for_the_nearest_that_fails_changes_nothing(dbjobs: Dbjobs, serve: Serve) -> None:
    serve(by_endpoint({"list": [{"jobs": []}, Reply(403, {"message": "no more"})]}))

    done = dbjobs("jobs", "list", "--name", "sales")

    assert done.exit_code == 0
    assert done.stderr == "no jobs\n--name is exact, and no job is named 'sales'; try --match\n"


def test_a_name_and_a_part_of_one_are_a_contradiction(dbjobs: Dbjobs) -> None:
    done = dbjobs("jobs", "list", "--name", "a", "--match", "b")

    assert (done.exit_code, done.stderr) == (2, "error: give either --name or --match\n")
