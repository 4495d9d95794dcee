"""Draws docs/live-view.svg: two moments of the live view, from a real run in the sandbox.

.venv/bin/python docs/make_picture.py
"""

import io
import math
from pathlib import Path
from uuid import uuid4

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME

from dbjobs.cli.context import App
from dbjobs.common.clock import SystemClock
from dbjobs.jobfiles.files import read_body
from dbjobs.output.terminal.run_view import render_snapshot
from dbjobs.runs.reader import RunReader
from dbjobs.runs.schedule import Schedule
from dbjobs.runs.snapshots import Snapshot
from dbjobs.runs.watching import watch_runs
from dbjobs.sandbox.server import Sandbox

DOCS = Path(__file__).parent
EXAMPLE = DOCS.parent / "examples" / "demo"
WIDTH = 92


def main() -> None:
    """Watch the example that fails, and draw it while it is busiest and when it is over."""
    clock = SystemClock()
    schedule = Schedule(interval=0.2, maximum=0.2, jitter=0, tick=math.inf)
    with Sandbox(root=EXAMPLE) as sandbox:
        api = App(environ={"DATABRICKS_HOST": sandbox.url, "DATABRICKS_TOKEN": sandbox.token}).api
        run_id = int(api.submit_run(read_body(str(EXAMPLE / "fail.yaml"), None), str(uuid4()))["run_id"])
        console = Console(
            record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
        )
        busiest: Snapshot | None = None
        for snapshot in watch_runs([run_id], RunReader(api), clock, schedule):
            if busiest is None and _is_busy(snapshot):
                busiest = snapshot
                console.print(render_snapshot(snapshot, width=WIDTH, height=30, now=clock.now()))
                console.print()
        console.print(render_snapshot(snapshot, width=WIDTH, height=30, now=clock.now()))
    svg = console.export_svg(
        title="dbjobs runs submit -f fail.yaml --wait", theme=SVG_EXPORT_THEME, unique_id="dbjobs"
    )
    (DOCS / "live-view.svg").write_text(svg, encoding="utf-8")


def _is_busy(snapshot: Snapshot) -> bool:
    """Two tasks run side by side, and one is at its second attempt."""
    run = snapshot.runs[0].run
    tasks = run.tasks if run else ()
    running = [task for task in tasks if task.life_cycle_state == "RUNNING"]
    return len(running) > 1 and any(task.attempt_number for task in tasks)


if __name__ == "__main__":
    main()
