"""The Python API: start runs, wait for them, and read their results.

    from dbjobs import Client

    result = Client(profile="prod").run("nightly", {"day": "2026-01-01"}).wait(timeout=3600)
    result.raise_for_outcome()

Errors are those of `dbjobs.errors`, each with the exit code that the command line would end with.
"""

import logging
import math
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

from dbjobs.api.client import JobsApi
from dbjobs.api.models import Run
from dbjobs.api.paging import RunFilter
from dbjobs.api.transport import HttpTransport
from dbjobs.auth.credentials import Credentials
from dbjobs.auth.profiles import resolve_profile
from dbjobs.auth.sign_in import SignIn
from dbjobs.common.clock import Clock, SystemClock
from dbjobs.common.deadline import time_limit
from dbjobs.common.documents import Document
from dbjobs.common.hidden import hide
from dbjobs.config.settings import Options
from dbjobs.errors import ExitCode, OutcomeUnknownError, UsageError
from dbjobs.http.response import Payload
from dbjobs.http.retry import SHORT_RETRIES, START_SECONDS
from dbjobs.jobfiles.files import JobFile, prepare_request
from dbjobs.jobfiles.parameters import as_parameter_strings, choose_parameters
from dbjobs.runs.auto_repair import AutoRepair
from dbjobs.runs.backfill import Backfill, newest_start_time, plan_runs
from dbjobs.runs.canceling import Cancels
from dbjobs.runs.existing_runs import find_existing_runs
from dbjobs.runs.explain import Explanation, explain_run
from dbjobs.runs.failures import FailureReader
from dbjobs.runs.history import JobHistory, analyze_runs
from dbjobs.runs.outputs import TaskOutput, read_outputs
from dbjobs.runs.references import find_job
from dbjobs.runs.repairs import RepairReader, plan_repair
from dbjobs.runs.results import Result, SnapshotPrinter, read_failures
from dbjobs.runs.schedule import Schedule
from dbjobs.runs.snapshots import Ending, Snapshot, WatchedRun, exit_code_of
from dbjobs.runs.watching import watch_runs

logger = logging.getLogger(__name__)

SECONDS_FOR_CAUSES = 60.0
"""After a wait, for reading why tasks failed: it is an extra."""

OnSnapshot: TypeAlias = Callable[[Snapshot], object]
RunRef: TypeAlias = "int | RunHandle"


class Client:
    """One workspace. It may be shared between threads: each has a connection of its own."""

    def __init__(
        self,
        profile: str | None = None,
        *,
        host: str | None = None,
        config: str | os.PathLike[str] | None = None,
        api_version: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Find the workspace and the credentials as the command line does.

        `profile`, `host`, `config` and `api_version` are the options of the same names; without them, the
        `DATABRICKS_*` variables and the default profile count. A ConfigError says what is missing.
        """
        options = Options(profile, Path(config) if config else None, host, api_version)
        resolve = partial(resolve_profile, options)
        self._profile = resolve()
        for secret in self._profile.open_secrets():
            hide(secret)
        self._clock = clock or SystemClock()
        self._network = self._profile.network
        sign_in = SignIn(self._profile, self._network, self._clock, os.environ)
        self._credentials = Credentials(sign_in, resolve)
        self._of_this_thread = threading.local()

    def __repr__(self) -> str:
        return f"Client(host={self.host!r})"

    @property
    def host(self) -> str:
        """The workspace's URL."""
        return str(self._profile.host.value)

    @property
    def api(self) -> JobsApi:
        """The endpoints of the Jobs API, dict in, dict out; of the calling thread."""
        if not hasattr(self._of_this_thread, "api"):
            transport = HttpTransport(
                self.host,
                self._credentials,
                self._clock,
                version=self._profile.api_version.value,
                network=self._network,
            )
            self._of_this_thread.api = JobsApi(transport, logger.warning)
        api: JobsApi = self._of_this_thread.api
        return api

    def jobs(self, name: str | None = None, *, limit: int | None = None) -> Iterator[Payload]:
        """Jobs as the API lists them, the newest first; pages are read as they are needed."""
        return chain.from_iterable(self.api.list_jobs(name, limit=limit))

    def runs(
        self,
        job: int | str | None = None,
        *,
        active: bool = False,
        completed: bool = False,
        limit: int | None = None,
    ) -> Iterator[Run]:
        """Runs of a job or of all jobs, the latest first; pages are read as they are needed."""
        run_filter = RunFilter(
            job_id=None if job is None else self.job_id(job),
            active_only=active or None,
            completed_only=completed or None,
        )
        return map(Run, chain.from_iterable(self.api.list_runs(run_filter, limit=limit)))

    def job_id(self, job: int | str) -> int:
        """The id of a job given by its id or by its exact name; a NotFoundError names the nearest ones."""
        return find_job(self.api, str(job))

    def get_run(self, run_id: int) -> "RunHandle":
        """A run that was started before, here or elsewhere; nothing is sent."""
        return RunHandle(self, run_id)

    def cancel(self, run: RunRef) -> None:
        """Ask for a run to be canceled; `wait` shows when it has ended."""
        self.api.cancel_run(_id_of(run))

    def repair(self, run: RunRef, tasks: Iterable[str] = (), *, dependent: bool = False) -> "Repair":
        """Run failed tasks again, or the ones named, `dependent` ones too, with the run's parameters."""
        run_id = _id_of(run)
        before = self.get_run(run_id).get()
        body = plan_repair(before.payload, tuple(tasks), {}, with_dependent=dependent)
        answer = self.api.repair_run(run_id, body)
        return Repair(self, run_id, True, int(answer["repair_id"]), before)

    def output(self, run: RunRef, task_key: str | None = None) -> list[TaskOutput]:
        """What the tasks of a run left behind, task by task, or that of one task."""
        return list(read_outputs(self.api, self.get_run(_id_of(run)).get(), task_key))

    def explain(self, run: RunRef) -> Explanation:
        """Why a run failed, what is known from earlier runs, and what to do next; in some dozen requests."""
        failed = Run(self.api.get_run(_id_of(run)))
        return explain_run(self.api, failed, FailureReader(self.api, is_quiet=True, retry=SHORT_RETRIES))

    def history(self, job: int | str, *, limit: int = 25) -> JobHistory:
        """How the newest runs of a job went, and since when they take longer; 25 runs are one request."""
        run_filter = RunFilter(job_id=self.job_id(job))
        pages = self.api.list_runs(run_filter, limit=limit, expand_tasks=True, complete=False)
        return analyze_runs(map(Run, chain.from_iterable(pages)))

    def run(
        self,
        job: int | str,
        parameters: Mapping[str, object] | None = None,
        *,
        idempotency_token: str | None = None,
        **fields: Any,
    ) -> "RunHandle":
        """Start a run of a job, given by id or exact name.

        `parameters` go to what the job takes, and are checked against it before anything is sent;
        `fields` are others of the API's run-now request, such as `only=["clean"]`.
        With the same `idempotency_token`, a second call returns the first one's run. An
        OutcomeUnknownError means that a run may have been started: its hint has the token to call with.
        """
        with time_limit(self._clock, START_SECONDS):
            job_id = self.job_id(job)
            body = dict(fields)
            if parameters:
                pairs = as_parameter_strings(dict(parameters), "parameters")
                body |= choose_parameters(pairs, {}, partial(self.api.get_job, job_id))
            return self._start(partial(self.api.run_now, job_id, body), idempotency_token)

    def submit(self, settings: Mapping[str, Any], *, idempotency_token: str | None = None) -> "RunHandle":
        """Run tasks once, without a job. `settings` are checked like a job file before anything is sent."""
        file = JobFile("settings", Document(dict(settings), ""))
        prepared = prepare_request(file, "submit", self._profile.api_version.value)
        for warning in prepared.warnings:
            logger.warning("%s", warning)
        token = idempotency_token or prepared.body.get("idempotency_token")
        with time_limit(self._clock, START_SECONDS):
            return self._start(partial(self.api.submit_run, prepared.body), token)

    def backfill(
        self,
        job: int | str,
        sets: Iterable[Mapping[str, object]],
        *,
        max_parallel: int | None = None,
        max_failures: int | None = None,
        batch: str = "",
        rerun_failed: bool = False,
        skip_existing: bool = False,
        **wait_options: Any,
    ) -> Result:
        """Run a job once for each set of parameters, and wait for all of these runs.

        A set has an idempotency token made from it and from `batch`: the same call again starts only what
        is missing. `max_parallel`: the job's `max_concurrent_runs` by default. `max_failures`: no other run
        is started once this many have failed. `rerun_failed`: repair the runs of earlier calls that failed.
        `skip_existing`: leave out sets with which the job has run, however that ended. The result's
        `not_started` has the sets without a run. `wait_options` are those of `wait`.
        """
        if rerun_failed and skip_existing:
            raise UsageError("rerun_failed and skip_existing cannot be combined")
        job_id = self.job_id(job)
        settings = (found := self.api.get_job(job_id)).get("settings") or {}
        texts = [as_parameter_strings(dict(one), "parameters") for one in sets]
        planned = plan_runs(texts, lambda one: choose_parameters(one, {}, lambda: found))
        if skip_existing:
            existing = find_existing_runs(self.api, found, planned).that_ran
            planned = [one for one in planned if one.label not in existing]
        reader = RepairReader(self.api, before={})
        backfill = Backfill(
            self.api,
            job_id,
            planned,
            batch,
            max_parallel or int(settings.get("max_concurrent_runs") or 1),
            newest_before=newest_start_time(self.api, job_id, must_know=rerun_failed),
            max_failures=max_failures or math.inf,
            repair_reader=reader if rerun_failed else None,
        )
        return self._wait([], reader, backfill, **wait_options)

    def _start(self, start: Callable[[str], Payload], idempotency_token: str | None) -> "RunHandle":
        token = idempotency_token or str(uuid4())
        try:
            return RunHandle(self, int(start(token)["run_id"]), is_known=True)
        except OutcomeUnknownError as error:
            error.message = f"{error.cause.message}; the run may have been started"
            error.hint = f"the same call with idempotency_token={token!r} returns it, without a second run"
            raise

    def wait(
        self,
        runs: "RunRef | Iterable[RunRef]",
        *,
        timeout: float | None = None,
        on_timeout: str = "detach",
        on_snapshot: OnSnapshot | None = None,
        strict: bool = False,
        fail_fast: bool = False,
        max_outage: float = Schedule.max_outage,
        repair: int = 0,
        repair_on: str = "infra",
    ) -> Result:
        """Wait for runs to end, through outages of up to `max_outage` seconds.

        The result says what is so: a run that has not ended when `timeout` seconds have passed, or
        when contact was lost, is among its `unfinished`, and never counts as done. Only
        `on_timeout="cancel"` cancels runs; any exception, KeyboardInterrupt included, leaves them alone.
        `on_snapshot` is called after each poll; in a notebook, changes are printed without it.
        `strict`: SUCCESS_WITH_FAILURES is a failure. `fail_fast`: return when the first run fails.
        `repair`: run failed tasks again, so often at most, where the platform made them fail;
        with `repair_on="any"` whatever the cause.
        """
        given = [runs] if isinstance(runs, int | RunHandle) else list(runs)
        handles = [run if isinstance(run, RunHandle) else RunHandle(self, run) for run in given]
        repaired = {handle.run_id: handle.before for handle in handles if isinstance(handle, Repair)}
        reader = RepairReader(self.api, before=repaired)
        return self._wait(
            handles,
            reader,
            timeout=timeout,
            on_timeout=on_timeout,
            on_snapshot=on_snapshot,
            strict=strict,
            fail_fast=fail_fast,
            max_outage=max_outage,
            repair=repair,
            repair_on=repair_on,
        )

    def _wait(
        self,
        handles: "list[RunHandle]",
        reader: RepairReader,
        backfill: Backfill | None = None,
        *,
        timeout: float | None = None,
        on_timeout: str = "detach",
        on_snapshot: OnSnapshot | None = None,
        strict: bool = False,
        fail_fast: bool = False,
        max_outage: float = Schedule.max_outage,
        repair: int = 0,
        repair_on: str = "infra",
    ) -> Result:
        if on_timeout not in ("detach", "cancel"):
            raise ValueError(f"on_timeout is 'detach' or 'cancel', not {on_timeout!r}")
        if repair_on not in ("infra", "any"):
            raise ValueError(f"repair_on is 'infra' or 'any', not {repair_on!r}")
        if on_snapshot is None:
            on_snapshot = SnapshotPrinter() if "ipykernel" in sys.modules else lambda snapshot: None
        limit = math.inf if timeout is None else timeout
        schedule = Schedule(is_planned=True, timeout=limit, max_outage=max_outage, fail_fast=fail_fast)
        known = {handle.run_id: WatchedRun(handle.run_id, is_known=handle.is_known) for handle in handles}
        snapshot = Snapshot((), 0.0, 0.0)
        failure_reader = FailureReader(self.api, is_quiet=True)
        auto_repair = AutoRepair(
            reader, failure_reader, repair, is_any=repair_on == "any", is_strict=strict, max_outage=max_outage
        )
        for snapshot in watch_runs(
            list(known),
            reader,
            self._clock,
            schedule,
            backfill,
            known,
            auto_repair=auto_repair if repair else None,
        ):
            on_snapshot(snapshot)
        active = [watched.run_id for watched in snapshot.runs if not watched.is_settled]
        if active and on_timeout == "cancel" and snapshot.ending is Ending.TIMEOUT:
            Cancels(self.api, self._clock, active).send()
        with time_limit(self._clock, SECONDS_FOR_CAUSES):
            failure_reader.forget_outage()
            failure_reader.retry = SHORT_RETRIES
            failures = read_failures(failure_reader, snapshot)
        code = exit_code_of(snapshot, strict=strict)
        if backfill is None:
            return Result(snapshot, code, failures)
        return Result(snapshot, ExitCode(backfill.exit_code(code)), failures, backfill.not_started)


@dataclass(frozen=True)
class RunHandle:
    """One run of a workspace."""

    client: Client = field(repr=False)
    run_id: int
    is_known: bool = field(default=False, repr=False, compare=False)
    """there is such a run for certain, though the server may not show it yet"""

    def get(self) -> Run:
        """The run as it is now, its tasks included."""
        return Run(self.client.api.get_run(self.run_id, include_history=True))

    def wait(self, **options: Any) -> Result:
        """Wait for this run to end; the options are those of `Client.wait`."""
        return self.client.wait(self, **options)

    def cancel(self) -> None:
        """Ask for the run to be canceled; `wait` shows when it has ended."""
        self.client.cancel(self)

    def output(self, task_key: str | None = None) -> list[TaskOutput]:
        """What its tasks left behind, task by task, or of one task."""
        return self.client.output(self, task_key)

    def explain(self) -> Explanation:
        """Why it failed, what is known from earlier runs, and what to do next."""
        return self.client.explain(self)

    def repair(self, tasks: Iterable[str] = (), *, dependent: bool = False) -> "Repair":
        """Run failed tasks again, or the ones named, `dependent` ones too, with the run's parameters."""
        return self.client.repair(self, tasks, dependent=dependent)


@dataclass(frozen=True)
class Repair(RunHandle):
    """A run that is being repaired: waiting for it is waiting for the repair."""

    repair_id: int = 0
    before: Run = field(default_factory=lambda: Run({}), repr=False, compare=False)
    """the run before the repair"""


def _id_of(run: RunRef) -> int:
    return run.run_id if isinstance(run, RunHandle) else run
