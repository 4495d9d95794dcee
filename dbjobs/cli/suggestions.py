"""What people type who know another tool, and what does the same here.

Loaded only to explain a wrong call. A test keeps every suggestion in step with the commands.
"""

from collections.abc import Sequence
from typing import Any

RUN_NOW = "dbjobs runs now JOB"
OUTPUT = "dbjobs runs output RUN"
WAIT = "dbjobs runs wait RUN"
ADD_PROFILE = "dbjobs profiles add NAME"
CHECK_PROFILE = "dbjobs profiles check"
GET_RUN = "dbjobs runs get RUN"
GET_RUN_PAGE = "dbjobs runs get RUN  (shows the URL of the run's page)"
NEWEST_RUNS = "dbjobs runs list --job JOB"

COMMANDS = {
    "help": "dbjobs --help",
    "version": "dbjobs --version",
    "login": ADD_PROFILE,
    "configure": ADD_PROFILE,
    "config": "dbjobs profiles --help",
    "auth": ADD_PROFILE,
    "init": ADD_PROFILE,
    "setup": ADD_PROFILE,
    "logout": "dbjobs profiles logout NAME",
    "whoami": CHECK_PROFILE,
    "doctor": CHECK_PROFILE,
    "run": RUN_NOW,
    "run-now": RUN_NOW,
    "start": RUN_NOW,
    "trigger": RUN_NOW,
    "submit": "dbjobs runs submit -f FILE",
    "ps": "dbjobs runs list --active",
    "ls": "dbjobs jobs list",
    "logs": OUTPUT,
    "status": GET_RUN,
    "describe": GET_RUN,
    "open": GET_RUN_PAGE,
    "watch": WAIT,
    "kill": "dbjobs runs cancel RUN",
    "stop": "dbjobs runs cancel RUN",
    "rerun": "dbjobs runs repair RUN",
    "retry": "dbjobs runs repair RUN",
    "apply": "dbjobs jobs reset JOB -f FILE",
    "deploy": "dbjobs jobs create -f FILE",
    "serve": "dbjobs sandbox serve",
    "completions": "dbjobs completion bash",
    "runs run": RUN_NOW,
    "runs run-now": RUN_NOW,
    "runs start": RUN_NOW,
    "runs create": "dbjobs runs submit -f FILE",
    "runs trigger": RUN_NOW,
    "runs ls": "dbjobs runs list",
    "runs ps": "dbjobs runs list --active",
    "runs active": "dbjobs runs list --active",
    "runs failed": "dbjobs runs list --failed",
    "runs logs": OUTPUT,
    "runs log": OUTPUT,
    "runs tail": OUTPUT,
    "runs get-output": OUTPUT,
    "runs status": GET_RUN,
    "runs state": GET_RUN,
    "runs show": GET_RUN,
    "runs view": GET_RUN,
    "runs describe": GET_RUN,
    "runs info": GET_RUN,
    "runs open": GET_RUN_PAGE,
    "runs url": GET_RUN_PAGE,
    "runs watch": WAIT,
    "runs follow": WAIT,
    "runs attach": WAIT,
    "runs stop": "dbjobs runs cancel RUN",
    "runs kill": "dbjobs runs cancel RUN",
    "runs abort": "dbjobs runs cancel RUN",
    "runs rm": "dbjobs runs delete RUN",
    "runs remove": "dbjobs runs delete RUN",
    "runs rerun": "dbjobs runs repair RUN",
    "runs retry": "dbjobs runs repair RUN",
    "runs restart": "dbjobs runs repair RUN",
    "runs download": "dbjobs runs export RUN",
    "runs history": NEWEST_RUNS,
    "runs explain": OUTPUT,
    "runs backfill": "dbjobs runs now JOB --each FILE",
    "jobs rm": "dbjobs jobs delete JOB",
    "jobs remove": "dbjobs jobs delete JOB",
    "jobs ls": "dbjobs jobs list",
    "jobs show": "dbjobs jobs get JOB",
    "jobs view": "dbjobs jobs get JOB",
    "jobs describe": "dbjobs jobs get JOB",
    "jobs export": "dbjobs jobs get JOB -o yaml",
    "jobs new": "dbjobs jobs create -f FILE",
    "jobs add": "dbjobs jobs create -f FILE",
    "jobs import": "dbjobs jobs create -f FILE",
    "jobs submit": "dbjobs runs submit -f FILE",
    "jobs edit": "dbjobs jobs update JOB --set PATH=VALUE",
    "jobs set": "dbjobs jobs update JOB --set PATH=VALUE",
    "jobs patch": "dbjobs jobs update JOB -f FILE",
    "jobs apply": "dbjobs jobs reset JOB -f FILE",
    "jobs replace": "dbjobs jobs reset JOB -f FILE",
    "jobs run": RUN_NOW,
    "jobs run-now": RUN_NOW,
    "jobs now": RUN_NOW,
    "jobs start": RUN_NOW,
    "jobs trigger": RUN_NOW,
    "jobs runs": NEWEST_RUNS,
    "jobs list-runs": "dbjobs runs list",
    "jobs history": NEWEST_RUNS,
    "jobs get-run": GET_RUN,
    "jobs get-run-output": OUTPUT,
    "jobs export-run": "dbjobs runs export RUN",
    "jobs repair-run": "dbjobs runs repair RUN",
    "jobs delete-run": "dbjobs runs delete RUN",
    "jobs cancel": "dbjobs runs cancel-all JOB",
    "jobs cancel-run": "dbjobs runs cancel RUN",
    "jobs cancel-all-runs": "dbjobs runs cancel-all JOB",
    "jobs stop": "dbjobs runs cancel-all JOB",
    "jobs pause": "dbjobs jobs update JOB --set schedule.pause_status=PAUSED",
    "jobs unpause": "dbjobs jobs update JOB --set schedule.pause_status=UNPAUSED",
    "jobs resume": "dbjobs jobs update JOB --set schedule.pause_status=UNPAUSED",
    "profiles ls": "dbjobs profiles list",
    "profiles get": "dbjobs profiles show NAME",
    "profiles create": ADD_PROFILE,
    "profiles new": ADD_PROFILE,
    "profiles rm": "dbjobs profiles remove NAME",
    "profiles delete": "dbjobs profiles remove NAME",
    "profiles set": "dbjobs profiles add NAME --set KEY=VALUE",
    "profiles set-default": "dbjobs profiles use NAME",
    "profiles switch": "dbjobs profiles use NAME",
    "profiles test": CHECK_PROFILE,
    "sandbox start": "dbjobs sandbox serve",
    "sandbox run": "dbjobs sandbox serve",
}
"""A command that does not exist, and a call that does what it probably means."""

OPTIONS: dict[str, Sequence[str]] = {
    "runs list --status": ["--active, or --completed"],
    "runs list --state": ["--active, or --completed"],
    "--watch": ["--wait", "dbjobs runs wait RUN"],
    "--follow": ["--wait", "dbjobs runs wait RUN"],
    "--wait": ["dbjobs runs wait RUN"],
    "--sync": ["--wait"],
    "--block": ["--wait"],
    "--no-wait": ["leave it out: only --wait makes it wait"],
    "--async": ["leave it out: only --wait makes it wait"],
    "--exit-status": ["leave it out: the exit code is always the run's outcome"],
    "--interval": ["--poll-interval DURATION"],
    "--poll": ["--poll-interval DURATION"],
    "--job-id": ["--job JOB", "JOB", "dbjobs runs list --job JOB"],
    "--job-name": ["--job JOB", "--name NAME", "JOB"],
    "--run-id": ["RUN"],
    "--id": ["JOB", "RUN"],
    "--token": ["no option takes a token, which others could read: set DATABRICKS_TOKEN"],
    "--json": ["-o json"],
    "--yaml": ["-o yaml"],
    "--format": ["-o FORMAT"],
    "--jq": ["-o json, and a pipe to jq"],
    "--query": ["-o json, and a pipe to jq"],
    "--template": ["-o json, and a pipe to jq"],
    "--json-file": ["-f FILE"],
    "--filename": ["-f FILE"],
    "--input": ["-f FILE"],
    "--params": ["-P NAME=VALUE"],
    "--parameter": ["-P NAME=VALUE"],
    "--parameters": ["-P NAME=VALUE, or --params-file FILE"],
    "--job-params": ["--job-param NAME=VALUE"],
    "--notebook-params": ["--notebook-param NAME=VALUE"],
    "--python-params": ["--python-param VALUE"],
    "--jar-params": ["--jar-param VALUE"],
    "--spark-submit-params": ["--spark-submit-param VALUE"],
    "--python-named-params": ["--python-named-param NAME=VALUE"],
    "--dbt-commands": ["--dbt-command VALUE"],
    "--task": ["--only TASK", "--rerun TASK"],
    "--tasks": ["--only TASK", "--rerun TASK"],
    "--failed": ["--rerun-failed"],
    "--rerun-all-failed-tasks": ["--rerun-failed"],
    "--rerun-tasks": ["--rerun TASK"],
    "--rerun-dependent-tasks": ["--rerun-dependent"],
    "--all": ["--limit 0"],
    "--max": ["--limit N"],
    "--max-items": ["--limit N"],
    "--max-results": ["--limit N"],
    "--top": ["--limit N"],
    "-n": ["--limit N"],
    "-l": ["--limit N"],
    "-L": ["--limit N"],
    "--offset": ["leave it out: all pages are read, up to --limit"],
    "--page-token": ["leave it out: all pages are read, up to --limit"],
    "--active-only": ["--active"],
    "--completed-only": ["--completed"],
    "--running": ["--active"],
    "--finished": ["--completed"],
    "--start-time-from": ["--since WHEN"],
    "--start-time-to": ["--until WHEN"],
    "--from": ["--since WHEN"],
    "--to": ["--until WHEN"],
    "--after": ["--since WHEN"],
    "--before": ["--until WHEN"],
    "--debug": ["--verbose"],
    "--silent": ["--quiet"],
    "--version": ["--api-version 2.2"],
    "--force": ["--yes"],
    "--no-prompt": ["--yes"],
    "--auto-approve": ["--yes"],
    "--dryrun": ["--dry-run"],
    "--what-if": ["--dry-run"],
    "--workspace": ["--host URL"],
    "--server": ["--host URL"],
    "--url": ["--host URL"],
    "--context": ["--profile NAME"],
    "--env": ["--profile NAME"],
    "--no-colour": ["--no-color"],
    "--color": ["--no-color, or the variable FORCE_COLOR=1"],
    "--web": ["dbjobs runs get RUN  (shows the URL of the run's page)"],
    "--log": ["dbjobs runs output RUN"],
    "--logs": ["dbjobs runs output RUN"],
    "--log-failed": ["dbjobs runs output RUN"],
    "--timeout": ["dbjobs runs wait RUN --timeout DURATION"],
    "--cancel-on-timeout": ["--on-timeout cancel"],
    "--output-file": ["redirect stdout: > FILE"],
    "--out": ["-o FORMAT"],
    "--views-to-export": ["--views CODE|DASHBOARDS|ALL"],
}
"""An option that does not exist, after its command if it is meant for that one alone; then what does the
same: the first that the command takes. One that starts with a lowercase letter suits any command."""

VALUES = {
    "table": "text",
    "wide": "text",
    "plain": "text",
    "human": "text",
    "tsv": "text",
    "csv": "text",
    "yml": "yaml",
    "ndjson": "jsonl",
    "json-lines": "jsonl",
    "ids": "id",
    "name": "id",
    "2": "2.0",
    "v2.1": "2.1",
    "3": "2.2",
}
"""A value that an option does not take, and the one that it probably means."""


def suggest_command(path: str) -> str | None:
    """What works instead of a command such as `runs logs`."""
    return COMMANDS.get(path)


def suggest_option(ctx: Any, path: str, option: str) -> str | None:
    """What works instead of an option that a command does not have, as a sentence."""
    takes = {name for param in ctx.command.params for name in _names_of(param)}
    for candidate in OPTIONS.get(f"{path} {option}") or OPTIONS.get(option, ()):
        first = candidate.replace(",", " ").split()[0]
        if first in takes:
            return f"use {candidate}" if first.startswith("-") else f"use {ctx.command_path} {candidate}"
        if first[0].islower():
            return f"use {candidate}" if first == "dbjobs" else candidate
    return None


def _names_of(param: Any) -> Sequence[str]:
    """`--job` for an option; JOB for the arguments JOB, [JOB] and JOB..."""
    if param.param_type_name == "argument":
        return [(param.metavar or "").strip("[].")]
    return [*param.opts]
