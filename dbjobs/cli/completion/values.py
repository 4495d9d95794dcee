"""What an option or argument may be, by the word that its help has for it: JOB, RUN, TASK, FILE, …"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from dbjobs.cli.cache import JOBS, RUNS, Remembered, recall
from dbjobs.cli.completion.line import Node, Place
from dbjobs.cli.completion.profiles import host_of, known_profiles
from dbjobs.cli.completion.refresh import refreshed
from dbjobs.cli.references import as_id, parse_run_ref

Words = list[tuple[str, str]]


class Asked(NamedTuple):
    """What stands on the line, and which option or argument is to be completed."""

    place: Place
    param: Node
    current: str
    environ: Mapping[str, str]


class Found(NamedTuple):
    """Values, each with its help; without any, what the shell may offer by itself."""

    words: Words = []  # noqa: RUF012 - it is never changed
    kind: str = "words"


def values_of(asked: Asked) -> Found:
    """What the option or argument may be."""
    if choices := asked.param.get("values"):
        return Found([(choice, "") for choice in choices])
    word = asked.param["metavar"].strip("[].")
    find = _BY_OPTION.get(asked.param["names"][0]) or _BY_WORD.get(word)
    return find(asked) if find else Found()


def _recall(asked: Asked, kind: str, is_enough: Callable[[Remembered], Any] = bool) -> Remembered:
    """What is known of the workspace that the line speaks of; asked for once more if that is due."""
    host = host_of(asked.place, asked.environ)
    known = recall(host) if host else {"jobs": {}, "runs": {}, "asked": {}}
    return refreshed(asked.place, host, known, kind, is_enough) if host else known


def _jobs(asked: Asked) -> Found:
    """Names, or ids once a digit is typed; a job without a name goes by its id."""
    jobs = _recall(asked, JOBS)["jobs"]
    ids = [(job_id, facts.get("name") or "") for job_id, facts in jobs.items()]
    given = set(asked.place.arguments)
    names = [(name or job_id, f"job {job_id}") for job_id, name in ids]
    words = ids if asked.current.isdigit() else names
    return Found([word for word in dict(words).items() if word[0] not in given])


def _job_names(asked: Asked) -> Found:
    return Found([word for word in _jobs(asked).words if not word[0].isdigit()])


def _runs(asked: Asked) -> Found:
    runs = _recall(asked, RUNS)["runs"]
    return Found(
        [
            (run_id, " ".join(filter(None, (facts.get("name"), facts.get("state")))))
            for run_id, facts in runs.items()
            if run_id not in asked.place.arguments
        ]
    )


def _tasks(asked: Asked) -> Found:
    """The task keys of the job or run that the line names."""
    arguments = asked.place.node.get("arguments", ())
    if not arguments or not asked.place.arguments:
        return Found()
    ref = asked.place.arguments[0]
    tasks_of = _tasks_of_job if arguments[0]["metavar"].startswith("JOB") else _tasks_of_run
    known = _recall(asked, ref, partial(tasks_of, ref))
    return Found([(key, "") for key in tasks_of(ref, known)])


def _tasks_of_job(ref: str, known: Remembered) -> list[str]:
    by_id = known["jobs"].get(str(as_id(ref)), {})
    by_name = (facts for facts in known["jobs"].values() if facts.get("name") == ref)
    facts: dict[str, Any] = by_id or next(by_name, {})
    return list(facts.get("tasks", ()))


def _tasks_of_run(ref: str, known: Remembered) -> list[str]:
    run = known["runs"].get(str(parse_run_ref(ref).run_id), {})
    job = known["jobs"].get(str(run.get("job_id")), {})
    return list(run.get("tasks") or job.get("tasks", ()))


def _profiles(asked: Asked) -> Found:
    profiles = known_profiles(asked.place, asked.environ)
    return Found([(name, host or "") for name, host in profiles["hosts"].items()])


def _scenarios(asked: Asked) -> Found:
    folder = Path(__file__).parents[2] / "sandbox" / "scenarios"
    return Found([(file.stem, "") for file in sorted(folder.glob("*.yaml"))], "files")


def _auth_methods(asked: Asked) -> Found:
    from dbjobs.auth.methods import AUTH_METHODS

    return Found([(name, "") for name in AUTH_METHODS])


def _files(asked: Asked) -> Found:
    return Found(kind="files")


def _folders(asked: Asked) -> Found:
    return Found(kind="folders")


_BY_OPTION = {
    "--profile": _profiles,
    "--name": _job_names,
    "--run-name": lambda asked: Found(),
    "--auth-type": _auth_methods,
    "--run-type": lambda asked: Found([(kind, "") for kind in ("JOB_RUN", "SUBMIT_RUN", "WORKFLOW_RUN")]),
}
_BY_WORD = {
    "JOB": _jobs,
    "RUN": _runs,
    "TASK": _tasks,
    "KEY": _tasks,
    "NAME": _profiles,
    "NAME|FILE": _scenarios,
    "FILE": _files,
    "DIR": _folders,
}
