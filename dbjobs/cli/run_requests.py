"""The request that starts a run of a job, but for its parameters: for `runs now` and `runs backfill`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from dbjobs.cli.context import App
from dbjobs.cli.options import Only, known_value
from dbjobs.http.response import Payload

if TYPE_CHECKING:
    from dbjobs.jobfiles.files import JobFile

PERFORMANCE_TARGETS = ("PERFORMANCE_OPTIMIZED", "STANDARD", "COST_OPTIMIZED")


@dataclass(frozen=True)
class RunNowOptions:
    """Fields of a run-now request, in place of those of a file."""

    only: Only = None
    queue: Annotated[
        bool | None,
        typer.Option(
            "--queue/--no-queue",
            help="Queue the run, or skip it, if it cannot start at once  [default: the job's own setting].",
        ),
    ] = None
    performance_target: Annotated[
        str | None,
        typer.Option(
            "--performance-target",
            metavar="TARGET",
            help="How serverless tasks run: PERFORMANCE_OPTIMIZED, STANDARD or COST_OPTIMIZED.",
        ),
    ] = None

    def make_request(
        self,
        app: App,
        file: "JobFile | None",
        job_id: int,
        get_job: Callable[[], Payload],
        *,
        force: bool,
        idempotency_token: str | None = None,
    ) -> Payload:
        """The request without the job's id: the file, with the given options in place of its fields."""
        target = self.performance_target and known_value(
            "--performance-target", self.performance_target, PERFORMANCE_TARGETS, force=force
        )
        given = {
            "only": self.only or None,
            "queue": None if self.queue is None else {"enabled": self.queue},
            "performance_target": target,
            "idempotency_token": idempotency_token,
        }
        request: Payload = {name: value for name, value in given.items() if value is not None}
        if file is not None:
            from dbjobs.jobfiles.files import prepare_run_now

            ready = prepare_run_now(file, job_id, request, force=force)
            for warning in ready.warnings:
                app.streams.warn(warning)
            request = {name: value for name, value in ready.body.items() if name != "job_id"}
        if request.get("only") and not force:
            from dbjobs.jobfiles.parameters import check_task_keys

            check_task_keys(request["only"], get_job())
        return request
