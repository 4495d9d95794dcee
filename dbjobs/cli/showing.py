"""Printing results in the format of -o: text for people, the API's response for programs."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dbjobs.api.paging import Pages
from dbjobs.cli.context import App
from dbjobs.common.deadline import time_limit
from dbjobs.errors import DbjobsError, NotFoundError
from dbjobs.http.response import Payload
from dbjobs.output.browser import is_page, open_page
from dbjobs.output.structured import write_document, write_documents, write_pages

if TYPE_CHECKING:
    from dbjobs.runs.history import JobHistory
    from dbjobs.runs.listed_causes import ListedCauses
    from dbjobs.runs.outputs import TaskOutput


DETAILS_SECONDS = 20.0
"""For what is shown in addition to a job's settings."""


def listed_causes(app: App) -> "ListedCauses | None":
    """What reads why the runs of a table failed; nothing is read for programs, nor with --quiet."""
    if app.output != "text" or app.options.quiet:
        return None
    from dbjobs.runs.listed_causes import ListedCauses

    return ListedCauses(app.api, app.clock)


def show_created(app: App, answer: Payload, id_key: str) -> None:
    """The id of what was made; nothing after a dry run."""
    if answer and app.output in ("text", "id"):
        app.streams.result(str(answer[id_key]))
    elif answer:
        write_document(app.streams, answer, app.output)


def show_job(app: App, job: Payload) -> None:
    """A job and its settings."""
    if app.output == "bundle":
        from dbjobs.jobfiles.bundles import as_bundle

        bundle, warnings = as_bundle(job.get("settings") or {})
        for warning in warnings:
            app.streams.warn(warning)
        write_document(app.streams, bundle, "yaml")
        return
    if app.output != "text":
        write_document(app.streams, job, app.output, id_key="job_id")
        return
    from dbjobs.output.terminal import tables
    from dbjobs.runs.job_details import read_job_details

    job_id = int(job["job_id"])
    with time_limit(app.clock, DETAILS_SECONDS):
        details = read_job_details(app.api, job_id, app.page_url(job_id), listed_causes(app))
    tables.show_job(app.streams, job, app.clock.now(), details)


def show_page(app: App, url: str | None, *, is_result: bool = True) -> None:
    """Open a page; where no browser can be opened, its URL is the result, or a note."""
    if url is None or not is_page(url):
        raise NotFoundError("the workspace gives no URL for this page", hint="look for it in the workspace")
    if open_page(url, app.environ):
        app.streams.note(f"opened {url}")
    elif is_result:
        app.streams.result(url)
    else:
        app.streams.note(f"page: {url}")


def show_run(app: App, run: Payload) -> None:
    """A run and its tasks."""
    if app.output != "text":
        write_document(app.streams, run, app.output, id_key="run_id")
        return
    from dbjobs.api.models import Run
    from dbjobs.output.terminal import tables

    causes = listed_causes(app)
    known = causes.of_tasks(Run(run).failed_tasks) if causes else {}
    tables.show_run(app.streams, run, app.clock.now(), known)


def show_history(app: App, history: "JobHistory", job_id: int) -> None:
    """What the runs of a job have in common."""
    if app.output == "id":
        app.streams.result_ids(*(str(run.run_id) for run in reversed(history.runs)))
    elif app.output != "text":
        from dbjobs.output.job_history import history_document

        write_document(app.streams, history_document(history, job_id), app.output)
    elif history.runs:
        from dbjobs.output.terminal.job_history import history_text

        app.streams.result(history_text(app.streams, app.streams.out, history, job_id))
    else:
        app.streams.note(f"job {job_id} has no runs")


def write_history(app: App, history: "JobHistory", file: str) -> None:
    """Write the history of a job that has runs as a page."""
    from dbjobs.common.files import write_whole
    from dbjobs.output.reports.job_history import render_history

    page = app.streams.censor(render_history(history, app.clock.now()))
    write_whole(Path(file), page.encode(errors="replace"), overwrite=True)
    app.streams.note(f"the history is in {file}")


def show_list(
    app: App, noun: str, pages: Pages, causes: "ListedCauses | None" = None, *, with_tasks: bool
) -> int:
    """A list of jobs or runs (`noun` is job or run), as its pages arrive; returns the number of rows.

    If a page fails, the error says how many rows came before it.
    """
    number = 0

    def counted() -> Pages:
        nonlocal number
        try:
            for page in pages:
                yield page
                number += len(page)
        except DbjobsError as error:
            if number:
                error.message = f"the list ended early, after {number} rows: {error.message}"
            raise

    if app.output != "text":
        write_pages(app.streams, counted(), app.output, id_key=f"{noun}_id")
        return number
    from dbjobs.output.terminal.lists import jobs_writer, runs_writer

    now = app.clock.now()
    if noun == "job":
        writer = jobs_writer(app.streams, now, with_tasks=with_tasks)
    else:
        writer = runs_writer(app.streams, now, causes, with_tasks=with_tasks)
    for page in counted():
        writer.write(page)
    if not number:
        app.streams.note(f"no {noun}s")
    return number


def show_outputs(app: App, outputs: Iterable["TaskOutput"], *, is_one_task: bool = False) -> None:
    """The output of each task, as it is read; for programs by task key, null if there is none.

    Of one task, programs get the API's response; a for-each task's iterations are tasks of their own.
    """
    if app.output == "text":
        from dbjobs.output.task_outputs import render_output

        for output in outputs:
            app.streams.result(render_output(output.task, output.answer, output.child, output.problem))
        return
    if app.output == "id":
        for output in outputs:
            if output.task.run_id is not None:
                app.streams.result_ids(str(output.task.run_id))
        return

    def answers() -> Iterator[tuple[str, Payload | None]]:
        for output in outputs:
            if output.answer is None:
                app.streams.warn(f"no output of {output.task.task_key}: {output.problem}")
            yield output.task.task_key, output.answer

    if is_one_task:
        write_document(app.streams, next(answers())[1], app.output)
    elif app.output == "jsonl":
        write_documents(app.streams, ({key: answer} for key, answer in answers()), app.output)
    else:
        write_document(app.streams, dict(answers()), app.output)
