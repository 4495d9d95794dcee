"""What may be typed for a run: its id, or the URL of its page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbjobs.errors import UsageError
from dbjobs.runs.references import MAX_ID, WHAT_A_RUN_IS, RunRef, as_id, parse_run_ref
from tests.conftest import Dbjobs, Serve
from tests.support.fakes import Reply
from tests.support.payloads import run

HOST = "adb-1234567890123456.7.azuredatabricks.net"


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        pytest.param("42", RunRef(42), id="id"),
        pytest.param(" 42\n", RunRef(42), id="id with a newline"),
        pytest.param("9007199254740993", RunRef(2**53 + 1), id="beyond a float"),
        pytest.param("9223372036854775807", RunRef(2**63 - 1), id="the largest"),
        pytest.param(f"https://{HOST}/?o=12#job/3/run/42", RunRef(42, HOST, "12"), id="page of old"),
        pytest.param(f"https://{HOST}/#job/3/run/42", RunRef(42, HOST), id="page of old, no ?o="),
        pytest.param(f"https://{HOST}/jobs/3/runs/42?o=12", RunRef(42, HOST, "12"), id="page of today"),
        pytest.param(f"{HOST}/jobs/3/runs/42", RunRef(42, HOST), id="without scheme"),
        pytest.param(f"https://{HOST}/jobs/runs/42", RunRef(42, HOST), id="submitted run"),
        pytest.param(f"https://{HOST.upper()}/jobs/3/runs/42", RunRef(42, HOST), id="capitals"),
        pytest.param(
            "http://127.0.0.1:8765/?o=0#job/3/run/42", RunRef(42, "127.0.0.1:8765", "0"), id="with a port"
        ),
        pytest.param(f"https://{HOST}/jobs/1/runs/{MAX_ID}", RunRef(MAX_ID, HOST), id="the largest in a URL"),
    ],
)
def test_a_run_is_named_by_id_or_by_url(text: str, ref: RunRef) -> None:
    assert parse_run_ref(text) == ref


@pytest.mark.parametrize(
    "text",
    [
        "", "0", "-1", "+1", "1.0", "1e3", "0x10", "nightly", "1 2", "٤٢", "9223372036854775808", "9" * 30,
        f"https://{HOST}/", f"https://{HOST}/#job/3", f"https://{HOST}/jobs/3/runs/",
        f"https://{HOST}/jobs/3/runs/{'9' * 20}",
    ],
)  # fmt: skip
def test_anything_else_is_no_run(text: str) -> None:
    with pytest.raises(UsageError, match="is not a run") as caught:
        parse_run_ref(text)
    shows_job = "#job/3" in text or "/jobs/3" in text
    advice = "this is the page of a job; to see its runs: dbjobs runs list --job 3"
    assert caught.value.hint == (advice if shows_job else WHAT_A_RUN_IS)


@given(st.integers(1, MAX_ID))
def test_every_id_survives(number: int) -> None:
    assert as_id(str(number)) == number


def test_the_url_of_a_run_of_this_workspace_is_as_good_as_its_id(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(Reply(body=run(run_id=42)))

    result = dbjobs("runs", "get", f"{server.url}/?o=0#job/3/run/42", "-o", "id")
    assert (result.exit_code, result.stdout) == (0, "42\n")


def test_the_url_of_another_workspace_is_an_error_and_nothing_is_asked(dbjobs: Dbjobs, serve: Serve) -> None:
    server = serve(Reply(body=run(run_id=42)))

    result = dbjobs("runs", "get", f"https://{HOST}/jobs/3/runs/42")
    assert result.exit_code == 3
    assert result.stderr == (
        f"error: that run is at {HOST}, but this is {server.url}\n"
        "hint: choose the profile of the run's workspace with --profile\n"
    )
    assert server.received == []


@pytest.mark.parametrize("stdin", ["", "\n  \n"])
@pytest.mark.parametrize("command", ["wait", "cancel", "get"])
def test_no_run_at_all_on_stdin_is_no_success(dbjobs: Dbjobs, serve: Serve, command: str, stdin: str) -> None:
    server = serve(Reply())

    result = dbjobs("runs", command, "-", stdin=stdin)
    assert result.exit_code == 2
    assert "no run" in result.stderr
    assert server.received == []


def test_a_job_name_that_is_nearly_right_gets_the_nearest_ones(dbjobs: Dbjobs, serve: Serve) -> None:
    jobs = [{"job_id": 1, "settings": {"name": "nightly"}}, {"job_id": 2, "settings": {"name": "sales"}}]
    server = serve(lambda request: Reply(body={"jobs": [] if request.query.get("name") else jobs}))

    result = dbjobs("runs", "now", "nigthly")
    assert (result.exit_code, result.stdout, server.changes) == (4, "", [])
    assert result.stderr == (
        "error: there is no job named 'nigthly'\n"
        "hint: there is 'nightly'; names must match exactly; an id works, too\n"
    )
