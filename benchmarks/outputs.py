"""Large outputs: time and memory against size."""

from benchmarks.environments import FOLDER, Environments
from benchmarks.measuring import Command, in_turn
from benchmarks.report import Section

MB = 10**6


def measure(venvs: Environments, rounds: int) -> Section:
    dbjobs, target = venvs.program("dbjobs"), str(FOLDER / "exported")
    commands = {}
    for size in (1, 5):
        commands[f"`runs output`, {size} MB of logs"] = [dbjobs, "runs", "output", str(size * MB)]
        commands[f"`runs output -o json`, {size} MB of logs"] = [
            *commands[f"`runs output`, {size} MB of logs"],
            "-o",
            "json",
        ]
    for size in (5, 50):
        for form in ("html", "ipynb"):
            args = [dbjobs, "runs", "export", str(size * MB), "--format", form, "--dir", target, "--force"]
            commands[f"`runs export --format {form}`, a page of {size} MB"] = args
    section = Section("Output and export")
    section.processes(
        in_turn(
            {name: Command(args, venvs.environ) for name, args in commands.items()},
            max(3, rounds // 3),
        )
    )
    return section
