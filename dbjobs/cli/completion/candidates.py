"""Candidates for completion: commands, options, and their values by metavar."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import time
from typing import Any, NamedTuple, TypeAlias

from dbjobs.api.states import RESULT_STATES, TRIGGERS
from dbjobs.cli.cache import Entries, load_workspace, read_last_run
from dbjobs.cli.completion.line import CommandLine, TreeNode
from dbjobs.cli.completion.profiles import find_host, read_profiles
from dbjobs.runs.references import LAST, SELECTORS, as_id, parse_run_ref, split_selector

Words = Iterable[tuple[str, str]]
"""Each with its help, which may be empty."""


class Candidates(NamedTuple):
    """Words, or, if there are none, what the shell may complete by itself: `files`, `folders`, `words`."""

    words: list[tuple[str, str]]
    kind: str = "words"


def find_candidates(words: Sequence[str], current: str, environ: Mapping[str, str]) -> Candidates:
    """What `current` may become, after complete words."""
    line = CommandLine(words)
    if line.pending_option:
        return _find_values(line, line.pending_option, current, environ)
    if current.startswith("-") and line.takes_options:
        name, equals, value = current.partition("=")
        option = line.option(name) if equals else None
        if option:
            values = _find_values(line, option, value, environ)
            return Candidates(
                [(f"{name}={word}", help_text) for word, help_text in values.words], values.kind
            )
        return Candidates(_starting_with(current, _options(line, current)))
    if "commands" in line.node:
        commands = line.node["commands"].items()
        return Candidates(_starting_with(current, [(name, node["help"]) for name, node in commands]))
    if line.next_argument:
        return _find_values(line, line.next_argument, current, environ)
    return Candidates(_options(line, current) if line.node and not current else [])


def _options(line: CommandLine, current: str) -> list[tuple[str, str]]:
    """Those that may still be given, the command's own first."""
    return [
        (name, option["help"])
        for option in line.options
        if option.get("many") or option["names"][0] not in line.values
        for name in option["names"]
        if name.startswith("--") or current == "-"
    ]


def _find_values(line: CommandLine, param: TreeNode, current: str, environ: Mapping[str, str]) -> Candidates:
    """What an option or argument may be."""
    query = Query(line, current, environ)
    if choices := param.get("values"):
        values: Words = [(choice, "") for choice in choices]
        return Candidates(_starting_with(current, values))
    metavar = param["metavar"].strip("[].")
    find = FINDERS.get(param["names"][0]) or FINDERS.get(metavar)
    values = find(query) if find else []
    kind = {"FILE": "files", "NAME|FILE": "files", "DIR": "folders"}.get(metavar, "words")
    return Candidates(_starting_with(current, values), kind)


def _starting_with(current: str, words: Words) -> list[tuple[str, str]]:
    return [(word, help_text) for word, help_text in words if word.startswith(current)]


@dataclass(frozen=True)
class Query:
    """What values are looked for with: the line so far, the word that is being typed, the environment."""

    line: CommandLine
    current: str
    environ: Mapping[str, str]

    def load(self, kind: str) -> Entries:
        """The `jobs` or `runs` that earlier commands saw in the workspace that the line is about."""
        return load_workspace(self.host)[kind] if self.host else {}

    @cached_property
    def host(self) -> str | None:
        """The workspace that the line is about."""
        return find_host(self.line, self.environ)


Finder: TypeAlias = Callable[[Query], Words]

FINDERS: dict[str, Finder] = {
    "--run-name": lambda query: [],
    "--result": lambda query: [(state, "") for state in RESULT_STATES],
    "--trigger": lambda query: [(trigger, "") for trigger in TRIGGERS],
    "--run-type": lambda query: [(kind, "") for kind in ("JOB_RUN", "SUBMIT_RUN", "WORKFLOW_RUN")],
}
"""What finds the values of an option, or of every argument and option with a metavar."""


def _completes(*names: str) -> Callable[[Finder], Finder]:
    """Register a function for these options and metavars."""

    def register(find: Finder) -> Finder:
        FINDERS.update(dict.fromkeys(names, find))
        return find

    return register


@_completes("JOB")
def _jobs(query: Query) -> Words:
    """Names, or ids once a digit is typed; a job without a name is known by its id."""
    jobs = [(job_id, entry.get("name") or "") for job_id, entry in query.load("jobs").items()]
    if not query.current.partition("@")[0].isdigit():
        jobs = [(name or job_id, f"job {job_id}") for job_id, name in jobs]
    return [(job, help_text) for job, help_text in dict(jobs).items() if job not in query.line.arguments]


@_completes("--name")
def _job_names(query: Query) -> Words:
    return [(job, help_text) for job, help_text in _jobs(query) if not job.isdigit()]


@_completes("RUN")
def _runs(query: Query) -> Words:
    """Run ids, the latest start first, `@last`, and, once a letter is typed, `JOB@latest` and the like."""
    runs = query.load("runs")
    newest = sorted(runs, key=lambda run_id: -int(runs[run_id].get("start_time") or time() * 1000))
    words = [(run_id, _describe_run(runs[run_id])) for run_id in newest]
    last_run = read_last_run(query.host) if query.host else None
    if last_run is not None:
        words.append((LAST, f"run {last_run}, which was last started or watched here"))
    if query.current:
        words += [
            (f"{job}@{selector}", help_text)
            for job, _ in _jobs(query)
            for selector, help_text in SELECTORS.items()
        ]
    return [(word, help_text) for word, help_text in words if word not in query.line.arguments]


def _describe_run(entry: Mapping[str, Any]) -> str:
    """`2h ago FAILED nightly`."""
    age = ""
    if entry.get("start_time"):
        seconds = time() - entry["start_time"] / 1000
        units = (("d", 86400), ("h", 3600), ("m", 60))
        ages = (f"{seconds // length:.0f}{unit} ago" for unit, length in units if seconds >= length)
        age = next(ages, "just now")
    return " ".join(filter(None, (age, entry.get("state"), entry.get("name"))))


@_completes("TASK", "KEY")
def _tasks(query: Query) -> Words:
    """The task keys of the job or run that the line names."""
    parameters = query.line.node.get("arguments", ())
    if not parameters or not query.line.arguments:
        return []
    ref = query.line.arguments[0]
    jobs = query.load("jobs")
    selected = split_selector(ref)
    if selected or parameters[0]["metavar"].startswith("JOB"):
        ref = selected[0] if selected else ref
        named = (entry for entry in jobs.values() if entry.get("name") == ref)
        entry = jobs.get(str(as_id(ref))) or next(named, {})
    else:
        run_id = read_last_run(query.host) if ref == LAST and query.host else parse_run_ref(ref).run_id
        entry = query.load("runs").get(str(run_id), {})
        entry = entry if entry.get("tasks") else jobs.get(str(entry.get("job_id")), {})
    return [(task_key, "") for task_key in entry.get("tasks", ())]


@_completes("--profile", "NAME")
def _profiles(query: Query) -> Words:
    hosts = read_profiles(query.line, query.environ)["hosts"]
    return [(name, host or "") for name, host in hosts.items()]


@_completes("NAME|FILE")
def _scenarios(query: Query) -> Words:
    folder = Path(__file__).parents[2] / "sandbox" / "scenarios"
    return [(file.stem, "") for file in sorted(folder.glob("*.yaml"))]


@_completes("--auth-type")
def _auth_types(query: Query) -> Words:
    from dbjobs.auth.methods import AUTH_METHODS

    return [(name, "") for name in AUTH_METHODS]
