"""Results in the form that -o asked for: text for people, the API's own answer for programs."""

from dbjobs.answers import Payload
from dbjobs.context import App
from dbjobs.errors import DbjobsError, NotFoundError
from dbjobs.models import Run, TaskRun
from dbjobs.render.plain import write_document


def show_created(app: App, answer: Payload, id_key: str) -> None:
    """The id of what was made; nothing after a dry run."""
    if answer and app.output in ("text", "id"):
        app.streams.result(str(answer[id_key]))
    elif answer:
        write_document(app.streams, answer, app.output)


def show_job(app: App, job: Payload) -> None:
    """A job and its settings."""
    if app.output != "text":
        write_document(app.streams, job, app.output, id_key="job_id")
        return
    from dbjobs.render import tables

    tables.show_job(app.streams, job, app.clock.now())


def show_run(app: App, run: Payload) -> None:
    """A run and its tasks."""
    if app.output != "text":
        write_document(app.streams, run, app.output, id_key="run_id")
        return
    from dbjobs.render import tables

    tables.show_run(app.streams, run, app.clock.now())


def show_outputs(app: App, run_id: int, task_key: str | None) -> None:
    """What each task of a run left, or one of them; by task key for programs."""
    from dbjobs.render.outputs import render_output

    run = Run(app.api.get_run(run_id))
    tasks = [task for task in run.output_runs if task_key in (None, task.task_key)]
    if not tasks:
        keys = ", ".join(task.task_key for task in run.output_runs)
        raise NotFoundError(f"run {run_id} has no task {task_key!r}", hint=f"its tasks: {keys}")
    outputs: dict[str, Payload] = {}
    for task in tasks:
        try:
            output = _output_of(app, task)
        except DbjobsError as error:
            app.streams.warn(f"no output of {task.task_key}: {error.message}")
            continue
        outputs[task.task_key] = output
        if app.output == "text":
            app.streams.result(render_output(task, output))
    if app.output != "text":
        write_document(app.streams, outputs, app.output)


def _output_of(app: App, task: TaskRun) -> Payload:
    if task.run_id is None:
        raise NotFoundError(f"the task never ran ({task.shown_state})")
    return app.api.get_run_output(task.run_id)
