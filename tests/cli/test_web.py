"""`--web`: the page is opened in a browser, or its URL printed where there is none."""

import os
import shlex
import sys
import webbrowser
from pathlib import Path

import pytest

from tests.conftest import Dbjobs, Serve
from tests.support.fakes import Received, Reply, by_endpoint
from tests.support.payloads import JOB_ID, RUN_ID, run
from tests.support.terminal import Terminal

PAGE = f"https://adb-1.2.azuredatabricks.net/?o=12#job/{JOB_ID}/run/{RUN_ID}"
SCRIPT = {
    "runs/get": run("TERMINATED", "SUCCESS", run_page_url=PAGE),
    "get": {"job_id": JOB_ID, "settings": {"name": "nightly"}},
    "run-now": {"run_id": RUN_ID},
}


@pytest.fixture(autouse=True)
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal of a developer has a display, perhaps, or comes over SSH."""
    for name in ("SSH_CONNECTION", "SSH_TTY", "CI", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A browser that writes the URLs that it is to open into this file."""
    file, script = tmp_path / "opened", tmp_path / "browser.py"
    script.write_text("import pathlib, sys\npathlib.Path(sys.argv[1]).write_text(sys.argv[2])\n")
    monkeypatch.setattr(webbrowser, "_tryorder", None)  # which is read from the environment once
    monkeypatch.setattr(webbrowser, "_browsers", {})
    monkeypatch.setenv("BROWSER", f"{shlex.join([sys.executable, str(script), str(file)])} %s")
    return file


@pytest.mark.parametrize(
    ("words", "url", "stdout"),
    [
        (["runs", "get", str(RUN_ID), "--web"], PAGE, ""),
        (["jobs", "get", str(JOB_ID), "--web"], f"{{host}}/#job/{JOB_ID}", ""),
        (["runs", "now", str(JOB_ID), "--web"], f"{{host}}/#job/{JOB_ID}/run/{RUN_ID}", f"{RUN_ID}\n"),
    ],
    ids=" ".join,
)
def test_the_page_is_opened_in_the_browser(
    dbjobs: Dbjobs, serve: Serve, opened: Path, words: list[str], url: str, stdout: str
) -> None:
    server = serve(by_endpoint(SCRIPT))

    done = dbjobs(*words)

    assert (done.exit_code, done.stdout) == (0, stdout)
    assert opened.read_text() == url.format(host=server.url)
    assert f"opened {url.format(host=server.url)}\n" in done.stderr


@pytest.mark.parametrize("environ", [{}, {"SSH_TTY": "/dev/pts/1", "DISPLAY": ":0"}, {"CI": "true"}], ids=str)
def test_where_no_browser_is_seen_the_url_is_printed(
    dbjobs: Dbjobs, serve: Serve, environ: dict[str, str]
) -> None:
    server = serve(by_endpoint(SCRIPT))

    assert dbjobs("runs", "get", RUN_ID, "--web", **environ).stdout == f"{PAGE}\n"
    assert dbjobs("jobs", "get", JOB_ID, "--web", **environ).stdout == f"{server.url}/#job/{JOB_ID}\n"
    done = dbjobs("runs", "now", JOB_ID, "--web", **environ)
    assert done.stdout == f"{RUN_ID}\n", "stdout has the run's id, and nothing else"
    assert f"page: {server.url}/#job/{JOB_ID}/run/{RUN_ID}\n" in done.stderr


@pytest.mark.parametrize("url", [None, "", "javascript:alert(1)", "file:///etc/passwd"])
def test_what_is_no_page_is_not_opened(dbjobs: Dbjobs, serve: Serve, opened: Path, url: str | None) -> None:
    serve(by_endpoint({"runs/get": run("TERMINATED", "SUCCESS", run_page_url=url)}))

    done = dbjobs("runs", "get", RUN_ID, "--web")

    assert (done.exit_code, done.stdout, opened.exists()) == (4, "", False)
    assert "the workspace gives no URL for this page" in done.stderr


@pytest.mark.parametrize("has_browser", [True, False], ids=["browser", "no browser"])
def test_the_key_o_opens_the_page_while_a_wait_goes_on(
    serve: Serve, opened: Path, monkeypatch: pytest.MonkeyPatch, has_browser: bool
) -> None:
    states = ["RUNNING"]

    def reply(request: Received) -> Reply:
        result = "SUCCESS" if states[0] == "TERMINATED" else None
        is_run = request.endpoint == "runs/get"
        return Reply(body=run(states[0], result, run_page_url=PAGE) if is_run else {})

    serve(reply)
    if not has_browser:
        monkeypatch.delenv("BROWSER")
    command = [sys.executable, "-m", "dbjobs", "runs", "wait", str(RUN_ID), "--poll-interval", "0.2"]
    terminal = Terminal(command, columns=150, env=dict(os.environ))
    terminal.read_until("RUNNING")
    terminal.type("xo")
    terminal.read_until(f"{'opened' if has_browser else 'page:'} {PAGE}")
    states[0] = "TERMINATED"

    screen = terminal.wait()

    assert (screen.exit_code, screen.is_clean, opened.exists()) == (0, True, has_browser)
    assert "RUNNING" not in screen.text, "the view was drawn anew below the note"
