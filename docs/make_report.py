"""Makes docs/report.png and docs/step-summary.md: what a pipeline keeps of a real run in the sandbox.

.venv/bin/python docs/make_report.py, with Chromium on the path
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from uuid import uuid4

from dbjobs.api.models import Run, TaskRun
from dbjobs.cli.context import App
from dbjobs.common.clock import SystemClock
from dbjobs.jobfiles.files import read_body
from dbjobs.output.reports import render_report
from dbjobs.output.reports.model import Report, ReportedRun
from dbjobs.runs.failures import FailedTask, FailureReader
from dbjobs.runs.reader import RunReader
from dbjobs.runs.schedule import Schedule
from dbjobs.runs.watching import watch_runs
from dbjobs.sandbox.server import Sandbox

DOCS = Path(__file__).parent
EXAMPLE = DOCS.parent / "examples" / "demo"
HOST = "https://adb-1234567890123456.7.azuredatabricks.net"
SIZE = "1000,1140"


def main() -> None:
    """Run the example that fails, and draw its reports."""
    clock = SystemClock()
    with Sandbox(root=EXAMPLE) as sandbox:
        api = App(environ={"DATABRICKS_HOST": sandbox.url, "DATABRICKS_TOKEN": sandbox.token}).api
        run_id = int(api.submit_run(read_body(str(EXAMPLE / "fail.yaml"), None), str(uuid4()))["run_id"])
        *_, last = watch_runs([run_id], RunReader(api), clock, Schedule(interval=0.5, maximum=0.5))
        run = last.runs[0].run
        if run is None:
            raise SystemExit("the run was never seen")
        failures = {
            key: FailedTask(
                failed.name,
                TaskRun(_elsewhere(failed.task.payload, sandbox.url)),
                _elsewhere(failed.output, sandbox.url),
            )
            for key, failed in FailureReader(api).read_all(run, 10).items()
        }
        payload = _elsewhere(run.payload, sandbox.url)
    report = Report((ReportedRun(run_id, Run(payload), failures),), clock.now())
    (DOCS / "step-summary.md").write_text(render_report(report, ".md"), encoding="utf-8")
    _draw(render_report(report, ".html"), DOCS / "report.png")


def _elsewhere(said: Any, url: str) -> Any:
    """As if it had happened in a workspace, and not in a folder of this machine."""
    text = json.dumps(said).replace(url, HOST).replace(f"{EXAMPLE}/", "/Workspace/daily-sales/")
    return json.loads(text)


def _draw(page: str, picture: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("there is no Chromium to draw it")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "report.html")
        file.write_text(page, encoding="utf-8")
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--window-size={SIZE}",
        ]
        subprocess.run(  # noqa: S603 - a browser, and a page of ours
            [browser, *options, f"--screenshot={picture}", file.as_uri()],
            check=True,
            stderr=subprocess.DEVNULL,
        )


if __name__ == "__main__":
    main()
