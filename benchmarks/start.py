"""From the key to the answer: what one call takes."""

from benchmarks.environments import Environments
from benchmarks.measuring import Command, in_turn
from benchmarks.report import Bar, Section

RUN = 5
IMPORTS = "import typer"
TYPER_HELP = "typer_help.py"


def measure(venvs: Environments, rounds: int) -> Section:
    url = f"{venvs.url}/api/2.2/jobs/runs/get?run_id={RUN}"
    get = f"import typer, requests; requests.get({url!r})"
    dbjobs, environ = venvs.program("dbjobs"), venvs.environ
    asking = {**environ, "_DBJOBS_COMPLETE": "zsh", "_DBJOBS_WORDS": "dbjobs\x1fruns\x1f"}
    commands = {
        f'`python -c "{IMPORTS}"`': Command([venvs.python("dbjobs"), "-c", IMPORTS], environ),
        "`dbjobs --version`": Command([dbjobs, "--version"], environ),
        "a completion": Command([dbjobs], asking),
        "a usage error": Command([dbjobs, "runs", "nwo"], environ, exit_code=2),
        "`--help` of a Typer app of one command": Command(
            venvs.client("dbjobs", TYPER_HELP, "--help"), environ
        ),
        "`dbjobs --help`": Command([dbjobs, "--help"], environ),
        '`python -c "import typer, requests; requests.get(URL)"`': Command(
            [venvs.python("dbjobs"), "-c", get], environ
        ),
        "`dbjobs runs get RUN -o json`": Command([dbjobs, "runs", "get", str(RUN), "-o", "json"], environ),
        "`dbjobs runs now JOB`": Command([dbjobs, "runs", "now", "42"], environ),
        "legacy `databricks runs get`": Command(
            [venvs.program("legacy"), "runs", "get", "--run-id", str(RUN), "--version", "2.1"],
            venvs.legacy_environ,
        ),
        "a script on `databricks-sdk`": Command(venvs.client("sdk", "sdk_get.py", RUN), environ),
        "a script on `requests`": Command(venvs.client("plain", "plain_get.py", RUN), environ),
    }
    series = in_turn(commands, rounds)
    cpu = [one.cpu for one in series.values()]
    typer, version, completion, usage, typer_help, own_help, plain, own_get, _, legacy, sdk, _ = cpu
    section = Section("Start")
    section.add(
        "None of these waits for anything to speak of, so the bars compare processor time, "
        "which other work on the machine disturbs least."
    )
    section.processes(series)
    section.bars = [
        Bar("`--version` ÷ `import typer`", version / typer, 1.3),
        Bar("a completion ÷ `import typer`", completion / typer, 1.3),
        Bar("a usage error ÷ `import typer`", usage / typer, 1.3),
        Bar("`--help` ÷ that of a Typer app of one command", own_help / typer_help, 1.3),
        Bar("`runs get` ÷ `import typer, requests; requests.get(URL)`", own_get / plain, 1.25),
        Bar("`runs get` ÷ legacy `databricks runs get`", own_get / legacy, 0.8),
        Bar("`runs get` ÷ the same on `databricks-sdk`", own_get / sdk, 0.25),
    ]
    return section
