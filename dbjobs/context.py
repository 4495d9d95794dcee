"""What a command needs, built when first asked for, so that nothing is loaded that is not used."""

import os
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dbjobs.clock import Clock, SystemClock
from dbjobs.errors import ConfigError, DbjobsError, NotFoundError, UsageError
from dbjobs.refs import as_id, parse_run_ref
from dbjobs.render.streams import Streams

if TYPE_CHECKING:
    from dbjobs.api import JobsApi
    from dbjobs.config import Profile
    from dbjobs.transport import Transport


@dataclass(frozen=True)
class GlobalOptions:
    """The options that every command takes."""

    profile: str | None = None
    config: Path | None = None
    host: str | None = None
    api_version: str | None = None
    output: str = "text"
    quiet: bool = False
    verbose: bool = False
    no_color: bool = False


@dataclass(frozen=True)
class App:
    """One call of dbjobs: its options, its streams, its clock, and the workspace it speaks to."""

    options: GlobalOptions = field(default_factory=GlobalOptions)
    clock: Clock = field(default_factory=SystemClock)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @cached_property
    def streams(self) -> Streams:
        options = self.options
        return Streams(
            environ=self.environ, no_color=options.no_color, quiet=options.quiet, verbose=options.verbose
        )

    @property
    def output(self) -> str:
        """text, json, jsonl, yaml or id."""
        return self.options.output

    @cached_property
    def profile(self) -> "Profile":
        from dbjobs.config import Options, resolve_profile

        given = self.options
        profile = resolve_profile(
            Options(given.profile, given.config, given.host, given.api_version), self.environ
        )
        self.streams.hide(profile.token.value)
        self.streams.detail(profile.describe())
        return profile

    @cached_property
    def transport(self) -> "Transport":
        from dbjobs.auth import BearerAuth
        from dbjobs.transport import Transport

        profile = self.profile
        auth = BearerAuth(profile.token.value)
        return Transport(
            profile.host.value, auth, self.clock, note=self.streams.note, detail=self.streams.detail
        )

    @cached_property
    def api(self) -> "JobsApi":
        from dbjobs.api import JobsApi

        return JobsApi(self.transport, self.profile.api_version.value)

    def api_to_change(self, dry_run: bool) -> "JobsApi":
        """The API for a command that changes something; a dry run prints requests instead of sending them."""
        from dbjobs.api import JobsApi
        from dbjobs.dry_run import DryRun

        return JobsApi(DryRun(self.transport, self.streams), self.api.version) if dry_run else self.api

    def each(self, action: Callable[[int], object], ids: Iterable[int]) -> None:
        """Do it for every id; a failure keeps none of the others from it, and is raised at the end."""
        errors = []
        for one in ids:
            try:
                action(one)
            except DbjobsError as error:
                errors.append(error)
        for error in errors[:-1]:
            self.streams.fail(error)
        if errors:
            raise errors[-1]

    def command_line(self, command: str, arguments: str) -> str:
        """A command that does its work where this one did: with the same profile, file and host."""
        given = self.options
        parts = ["dbjobs", *command.split()]
        for option, value in (
            ("--profile", given.profile),
            ("--config", given.config),
            ("--host", given.host),
            ("--api-version", given.api_version),
        ):
            parts += [option, shlex.quote(str(value))] if value else []
        return " ".join([*parts, arguments])

    def job_id(self, ref: str) -> int:
        """A job by its id, or by its exact name."""
        if (job_id := as_id(ref)) is not None:
            return job_id
        found = list(self.api.list_jobs(name=ref))
        if not found:
            raise NotFoundError(f"there is no job named {ref!r}", hint="names are exact; an id works, too")
        if len(found) > 1:
            ids = ", ".join(str(job["job_id"]) for job in found)
            raise UsageError(f"{len(found)} jobs are named {ref!r}: {ids}", hint="say which by its id")
        return int(found[0]["job_id"])

    def run_id(self, ref: str) -> int:
        """One run, by id or URL, or by `-` for one on stdin."""
        found = self.run_ids([ref])
        if len(found) != 1:
            raise UsageError(f"this takes one run, and {len(found)} were given")
        return found[0]

    def run_ids(self, refs: Iterable[str]) -> list[int]:
        """Runs by id, by URL, or `-` for refs on stdin; in the order given, each once."""
        run_ids: dict[int, None] = {}
        for ref in _with_stdin(refs):
            run = parse_run_ref(ref)
            if run.host and run.host != urlsplit(self.profile.host.value).netloc:
                raise ConfigError(
                    f"that run is at {run.host}, but this is {self.profile.host.value}",
                    hint="choose the profile of the run's workspace with --profile",
                )
            run_ids[run.run_id] = None
        return list(run_ids)


def _with_stdin(refs: Iterable[str]) -> Iterable[str]:
    import sys

    for ref in refs:
        if ref == "-":
            yield from sys.stdin.read().split()
        else:
            yield ref
