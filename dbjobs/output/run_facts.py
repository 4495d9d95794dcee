"""What a run says besides its state, in words: its trigger, parameters, repairs, commit and compute."""

from collections.abc import Iterator

from dbjobs.api.models import Run
from dbjobs.output.formatting import count, format_age, format_state
from dbjobs.output.job_settings import format_cluster
from dbjobs.runs.repairs import parameters_of

MAX_CLUSTERS = 5


def format_run_trigger(run: Run) -> str:
    """`PERIODIC`, or `RUN_JOB_TASK, by run 99`; a run that does not belong to a job says so."""
    details = run.payload.get("trigger_info") or {}
    by_run = f"by run {details['run_id']}" if details.get("run_id") else ""
    run_type = run.payload.get("run_type")
    kind = run_type if run_type not in (None, "JOB_RUN") else ""
    return ", ".join(str(fact) for fact in (run.payload.get("trigger"), by_run, kind) if fact)


def format_parameters(run: Run) -> Iterator[str]:
    """`day=2026-01-01`, one each; those that are not job parameters begin with their kind."""
    for kind, values in parameters_of(run.payload).items():
        prefix = "" if kind == "job_parameters" else f"{kind}: "
        if isinstance(values, dict):
            yield from (f"{prefix}{name}={value}" for name, value in values.items())
        else:
            yield prefix + " ".join(map(str, values if isinstance(values, list) else [values]))


def format_repairs(run: Run, now: float) -> str:
    """`2, the last one SUCCESS, started 3h ago`; nothing without any."""
    history = run.payload.get("repair_history") or ()
    repairs = [entry for entry in history if entry.get("id") or entry.get("type") == "REPAIR"]
    if not repairs:
        return ""
    newest = max(repairs, key=lambda entry: entry.get("start_time") or 0)
    age = format_age(newest.get("start_time"), now)
    facts = [format_state(Run({"run_id": 0, **newest})), age and f"started {age}"]
    return f"{len(repairs)}, the last one {', '.join(filter(None, facts))}"


def format_commit(run: Run) -> Iterator[str]:
    """`1a2b3c4 (branch main of https://github.com/…)`."""
    source = run.payload.get("git_source") or {}
    commit = (source.get("git_snapshot") or {}).get("used_commit") or source.get("git_commit")
    refs = [f"{kind} {source[f'git_{kind}']}" for kind in ("branch", "tag") if source.get(f"git_{kind}")]
    where = " of ".join(str(text) for text in (*refs, source.get("git_url")) if text)
    if commit:
        yield f"{commit} ({where})" if where else str(commit)
    elif where:
        yield where


def format_compute(run: Run) -> Iterator[str]:
    """`job cluster small: i3.xlarge 15.4, cluster 0101-abc`; each once, with the number of its tasks."""
    definitions = {one.get("job_cluster_key"): one for one in run.payload.get("job_clusters") or ()}
    used: dict[str, int] = {}
    parts = run.tasks or run.output_runs
    for part in parts:
        task = {**part.payload, **(part.payload.get("cluster_spec") or {})}
        key = task.get("job_cluster_key")
        words = format_cluster(task)
        if key:
            words = f"job cluster {words}"
            defined = format_cluster({"new_cluster": (definitions.get(key) or {}).get("new_cluster")})
            words += f": {defined}" if defined else ""
        cluster_id = (task.get("cluster_instance") or {}).get("cluster_id")
        if cluster_id and str(cluster_id) not in words:
            words = ", ".join(filter(None, [words, f"cluster {cluster_id}"]))
        if words:
            used[words] = used.get(words, 0) + 1
    for words, number in list(used.items())[:MAX_CLUSTERS]:
        yield words if len(used) == 1 else f"{words} ({count(number, 'task')})"
    if len(used) > MAX_CLUSTERS:
        yield f"and {len(used) - MAX_CLUSTERS} more"
    if target := run.payload.get("effective_performance_target"):
        yield f"performance target {target}"
