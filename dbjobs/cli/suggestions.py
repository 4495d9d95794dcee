"""Commands, options and values of other tools, with those that do the same here.

Loaded only to explain a wrong call. A test checks every suggestion against the commands.
"""

from collections.abc import Sequence

_TYPED_COMMANDS = {
    "dbjobs --help": "help",
    "dbjobs --version": "version",
    "dbjobs completion bash": "completions",
    "dbjobs jobs create -f FILE": "deploy, jobs new, jobs add, jobs import",
    "dbjobs jobs delete JOB": "jobs rm, jobs remove",
    "dbjobs jobs get JOB": "jobs show, jobs view, jobs describe",
    "dbjobs jobs get JOB -o yaml": "jobs export",
    "dbjobs jobs list": "ls, jobs ls",
    "dbjobs jobs reset JOB -f FILE": "apply, jobs apply, jobs replace",
    "dbjobs jobs update JOB -f FILE": "jobs patch",
    "dbjobs jobs unpause JOB": "jobs resume",
    "dbjobs jobs update JOB --set PATH=VALUE": "jobs set",
    "dbjobs profiles --help": "config",
    "dbjobs profiles add NAME": "login, configure, auth, init, setup, profiles create, profiles new",
    "dbjobs profiles add NAME --set KEY=VALUE": "profiles set",
    "dbjobs profiles check": "whoami, doctor, profiles test",
    "dbjobs profiles list": "profiles ls",
    "dbjobs profiles logout NAME": "logout",
    "dbjobs profiles remove NAME": "profiles rm, profiles delete",
    "dbjobs profiles show NAME": "profiles get",
    "dbjobs profiles use NAME": "profiles set-default, profiles switch",
    "dbjobs runs backfill JOB --each FILE": "backfill, jobs backfill",
    "dbjobs runs cancel RUN": "kill, stop, runs stop, runs kill, runs abort, jobs cancel-run",
    "dbjobs runs cancel-all JOB": "jobs cancel, jobs cancel-all-runs, jobs stop",
    "dbjobs runs delete RUN": "runs rm, runs remove, jobs delete-run",
    "dbjobs runs export RUN": "runs download, jobs export-run",
    "dbjobs runs get RUN": "status, describe, runs status, runs state, runs show, runs view,"
    " runs describe, runs info, jobs get-run",
    "dbjobs runs get RUN --web": "open, runs open, runs url",
    "dbjobs runs list": "runs ls, jobs list-runs",
    "dbjobs runs list --active": "ps, runs ps, runs active",
    "dbjobs runs list --failed": "runs failed",
    "dbjobs runs list --job JOB": "runs history, jobs runs",
    "dbjobs runs now JOB": "run, run-now, start, trigger, runs run, runs run-now, runs start, runs trigger,"
    " jobs run, jobs run-now, jobs now, jobs start, jobs trigger",
    "dbjobs runs output RUN": "logs, runs logs, runs log, runs tail, runs get-output, jobs get-run-output",
    "dbjobs runs repair RUN": "retry, runs retry, runs restart, jobs repair-run",
    "dbjobs runs rerun RUN": "rerun, runs repeat",
    "dbjobs runs submit -f FILE": "submit, runs create, jobs submit",
    "dbjobs runs wait RUN": "watch, runs watch, runs follow, runs attach",
    "dbjobs sandbox serve": "serve, sandbox start, sandbox run",
}
"""By a call that works, the commands that people type for it and that do not exist."""

COMMANDS = {typed: call for call, commands in _TYPED_COMMANDS.items() for typed in commands.split(", ")}

_TYPED_OPTIONS: dict[str, Sequence[str]] = {
    "--active-only, --running": ["--active"],
    "--all": ["--limit 0"],
    "--async, --no-wait": ["leave it out: only --wait makes it wait"],
    "--cancel-on-timeout": ["--on-timeout cancel"],
    "--color": ["--no-color, or the variable FORCE_COLOR=1"],
    "--completed-only, --finished": ["--completed"],
    "--context, --env": ["--profile NAME"],
    "--dbt-commands": ["--dbt-command VALUE"],
    "--debug": ["--verbose"],
    "--dryrun, --what-if": ["--dry-run"],
    "--exit-status": ["leave it out: the exit code is always the run's outcome"],
    "--failed, --rerun-all-failed-tasks": ["--rerun-failed"],
    "--follow, --watch": ["--wait", "dbjobs runs wait RUN"],
    "--force, --no-prompt, --auto-approve": ["--yes"],
    "--format, --out": ["-o FORMAT"],
    "--id": ["JOB", "RUN"],
    "--interval, --poll": ["--poll-interval DURATION"],
    "--jar-params": ["--jar-param VALUE"],
    "--job-id": ["--job JOB", "JOB", "dbjobs runs list --job JOB"],
    "--job-name": ["--job JOB", "--name NAME", "JOB"],
    "--job-params": ["--job-param NAME=VALUE"],
    "--jq, --query, --template": ["-o json, and a pipe to jq"],
    "--json": ["-o json"],
    "--json-file, --filename, --input": ["-f FILE"],
    "--log, --logs, --log-failed": ["dbjobs runs output RUN"],
    "--max, --max-items, --max-results, --top, -n, -l, -L": ["--limit N"],
    "--no-colour": ["--no-color"],
    "--notebook-params": ["--notebook-param NAME=VALUE"],
    "--offset, --page-token": ["leave it out: all pages are read, up to --limit"],
    "--output-file": ["redirect stdout: > FILE"],
    "--parameters": ["-P NAME=VALUE, or --params-file FILE"],
    "--params, --parameter": ["-P NAME=VALUE"],
    "--python-named-params": ["--python-named-param NAME=VALUE"],
    "--python-params": ["--python-param VALUE"],
    "--rerun-dependent-tasks": ["--rerun-dependent"],
    "--rerun-tasks": ["--rerun TASK"],
    "--run-id": ["RUN"],
    "--silent": ["--quiet"],
    "--spark-submit-params": ["--spark-submit-param VALUE"],
    "--start-time-from, --from, --after": ["--since WHEN"],
    "--start-time-to, --to, --before": ["--until WHEN"],
    "--sync, --block": ["--wait"],
    "--task, --tasks": ["--only TASK", "--rerun TASK"],
    "--timeout": ["dbjobs runs wait RUN --timeout DURATION"],
    "--token": ["no option takes a token, which others could read: set DATABRICKS_TOKEN"],
    "--version": ["--api-version 2.2"],
    "--views-to-export": ["--views CODE|DASHBOARDS|ALL"],
    "--wait": ["dbjobs runs wait RUN"],
    "--web": ["dbjobs runs get RUN --web"],
    "--workspace, --server, --url": ["--host URL"],
    "--yaml": ["-o yaml"],
    "runs backfill --each-day": ["--days FIRST..LAST"],
    "runs backfill --idempotency-token": [
        "leave it out: each set has a token of its own; --batch NAME makes others"
    ],
    "runs backfill --wait": ["leave it out: a backfill waits for its runs"],
    "runs now --each": ["dbjobs runs backfill JOB --each FILE"],
    "runs now --each-day, runs now --days": ["dbjobs runs backfill JOB --days FIRST..LAST --as NAME"],
    "runs now --max-parallel, runs now --batch": ["dbjobs runs backfill JOB --each FILE"],
    "runs list --status, runs list --state": ["--active, or --completed"],
}
"""By options that do not exist, after their command if they are meant for that one alone: what does the
same, the first of it that the command takes. What starts with a lowercase letter suits any command."""

OPTIONS = {typed: calls for options, calls in _TYPED_OPTIONS.items() for typed in options.split(", ")}

VALUES = {
    **dict.fromkeys(("table", "wide", "plain", "human", "tsv", "csv"), "text"),
    **dict.fromkeys(("ndjson", "json-lines"), "jsonl"),
    **dict.fromkeys(("ids", "name"), "id"),
    "yml": "yaml",
    "2": "2.0",
    "v2.1": "2.1",
    "3": "2.2",
}
"""By a value that an option does not take, the one that it probably means."""
