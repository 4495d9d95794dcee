"""Text that a job may put into names, messages and traces to harm whoever reads it."""

from collections.abc import Sequence
from typing import Any

from dbjobs.http.response import Payload
from tests.support.payloads import RUN_ID, run, status, task

TEXTS = (
    "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m \x9b5m \x1bPdevice\x1b\\",
    "::set-output name=owned::yes",
    "\n::error file=a,line=1::owned\n  ::add-mask::a\r::stop-commands::x",
    "##vso[task.setvariable variable=owned;isOutput=true]yes ##[error]owned ##vso[##vso[task.complete]]",
    "owned%0A::error::owned%0D%0A##vso[task.complete result=Succeeded]",
    "section_start:1:owned\r\x1b[0Kowned \x1b[0Ksection_end:1:owned\r\x1b[0K",
    "--- owned\n+++ owned\n~~~ owned\n^^^ +++\n##teamcity[buildProblem description='owned']|']",
    "</script><script>alert(1)</script><img src=x onerror=alert(1)>&lt;b&gt;",
    "</pre></title></style></svg></details><!-- <![CDATA[ ]]> -->",
    '" onmouseover="alert(1)" style="position:fixed',
    "| a | b |\n|---|---|\n```\n````\n</details>\n# heading\n[link](javascript:alert(1)) ![i](http://x/y.png)",
    "\u202eevil\u202c \u2066x\u2069 \u200f\u061c\ufeff",
    "nul \x00, backspace \x08, delete \x7f, half a character \ud800, none \ufffe",
    "[/x] [bold red]markup[/] {braces} ${{ secrets.TOKEN }} $(touch owned) `touch owned`",
    "gantt\n    section owned :crit, 0, 1\n%%{init: {}}%%\nclick owned call alert()",
    "A" * 1_000_000,
)

EVERYTHING = "\n".join(TEXTS)


def hostile_run(texts: Sequence[str] = TEXTS) -> Payload:
    """A failed run, a task a text, in which every text stands wherever the server lets a job put it."""
    tasks = [_task(place, text) for place, text in enumerate(texts)]
    everything = "\n".join(texts)
    return run(
        "TERMINATED",
        "FAILED",
        *tasks,
        run_name=everything,
        start_time=1_767_225_600_000,
        end_time=1_767_225_660_000,
        run_page_url="javascript:alert(1)//" + texts[0],
        status=status("TERMINATED", "RUN_EXECUTION_ERROR", everything),
        state={"life_cycle_state": "TERMINATED", "result_state": "FAILED", "state_message": everything},
    )


def _task(place: int, text: str) -> dict[str, Any]:
    return task(
        f"{place} {text}",
        "TERMINATED",
        "FAILED",
        run_id=RUN_ID + place + 1,
        start_time=1_767_225_600_000 + place * 1000,
        end_time=1_767_225_602_000 + place * 1000,
        run_page_url=text,
        state={"life_cycle_state": "TERMINATED", "result_state": "FAILED", "state_message": text},
    )


OUTPUT = {"error": "\n".join(TEXTS[:-1]), "error_trace": EVERYTHING, "metadata": {}}
