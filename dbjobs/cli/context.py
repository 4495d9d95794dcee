"""`App`: what commands need, built on first use, so that nothing unused is loaded."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from dbjobs.cli.global_options import GlobalOptions
from dbjobs.common.clock import Clock, SystemClock
from dbjobs.common.hidden import hide
from dbjobs.errors import DbjobsError, UsageError
from dbjobs.output.streams import Streams

if TYPE_CHECKING:
    from dbjobs.api.client import JobsApi
    from dbjobs.api.transport import HttpTransport
    from dbjobs.auth.credentials import Credentials
    from dbjobs.cli.cache import Cache
    from dbjobs.cli.checkup import Checkup
    from dbjobs.cli.dry_run import DryRunTransport
    from dbjobs.config.files import ProfileFiles
    from dbjobs.config.resolve import Profile
    from dbjobs.config.settings import Options

Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class App:
    """One call of dbjobs: its options, its streams, its clock, and the workspace it speaks to."""

    options: GlobalOptions = field(default_factory=GlobalOptions)
    clock: Clock = field(default_factory=SystemClock)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    words: tuple[str, ...] = ()
    """what was typed after `dbjobs`"""
    has_events: bool = False
    """`--progress events`, known before a command is: its usage errors are events, too"""

    @cached_property
    def streams(self) -> Streams:
        options = self.options
        return Streams(
            environ=self.environ,
            no_color=options.no_color,
            quiet=options.quiet,
            verbose=options.verbose,
            event_clock=self.clock if self.has_events else None,
        )

    @property
    def output(self) -> str:
        """text, json, jsonl, yaml or id."""
        return self.options.output.value if self.options.output else "text"

    @cached_property
    def profile(self) -> "Profile":
        profile = self.resolve_profile()
        for secret in profile.open_secrets():
            hide(secret)
        for warning in profile.warnings:
            self.streams.warn(warning)
        self.streams.detail(profile.describe())
        return profile

    def resolve_profile(self) -> "Profile":
        """From the options, the environment and the files as they are now."""
        from dbjobs.auth.profiles import resolve_profile

        return resolve_profile(self.config_options, self.environ)

    def with_profile(self, profile: str | None) -> "App":
        """The same call with `--profile`, if a name is given."""
        if profile is None:
            return self
        if self.options.profile not in (None, profile):
            raise UsageError(
                f"NAME {profile!r} and --profile {self.options.profile!r} are two profiles", hint="give one"
            )
        other = replace(self, options=replace(self.options, profile=profile))
        vars(other)["streams"] = self.streams  # they know the secrets that must not be shown
        return other

    @cached_property
    def profile_files(self) -> "ProfileFiles":
        from dbjobs.config.files import ProfileFiles

        return ProfileFiles(self.config_options, self.environ)

    @property
    def config_options(self) -> "Options":
        """Those of the options that bear on the configuration."""
        from dbjobs.config.settings import Options

        given = self.options
        return Options(given.profile, given.config, given.host, given.api_version and given.api_version.value)

    @cached_property
    def transport(self) -> "HttpTransport":
        from dbjobs.api.transport import HttpTransport

        return HttpTransport(
            self.profile.host.value,
            self.credentials,
            self.clock,
            version=self.profile.api_version.value,
            network=self.profile.network,
            observer=self.cache.record,
        )

    @cached_property
    def cache(self) -> "Cache":
        """What this call sees of the workspace, for completion."""
        from dbjobs.cli.cache import Cache

        return Cache()

    def save_cache(self) -> None:
        """Add what was seen to the cache; called at the end."""
        if "cache" in vars(self):
            self.cache.save(self.profile.address)

    def remember_run(self, run_id: int) -> None:
        """Let `@last` mean this run from now on."""
        from dbjobs.cli.cache import write_last_run

        write_last_run(self.profile.address, run_id)

    @cached_property
    def credentials(self) -> "Credentials":
        return self._sign_in(self.profile, self.resolve_profile)

    def _sign_in(self, profile: "Profile", read_again: "Callable[[], Profile] | None") -> "Credentials":
        from dbjobs.auth.credentials import Credentials
        from dbjobs.auth.sign_in import SignIn
        from dbjobs.output.log import show_log

        show_log(self.streams)
        return Credentials(SignIn(profile, profile.network, self.clock, self.environ), read_again)

    def checkup(self, draft: "Profile | None" = None) -> "Checkup":
        """Of the profile, or of one that is not saved yet."""
        from dbjobs.cli.checkup import Checkup

        profile = draft or self.profile
        credentials = self._sign_in(draft, None) if draft else self.credentials
        return Checkup(profile, credentials, self.clock)

    @cached_property
    def api(self) -> "JobsApi":
        from dbjobs.api.client import JobsApi

        return JobsApi(self.transport, self.streams.warn)

    def api_to_change(self, dry_run: bool) -> "JobsApi":
        """The API for a command that changes something; a dry run prints requests instead of sending them."""
        from dbjobs.api.client import JobsApi

        if not dry_run:
            self.streams.keep_results()
        return JobsApi(self.dry_run) if dry_run else self.api

    @cached_property
    def dry_run(self) -> "DryRunTransport":
        from dbjobs.cli.dry_run import DryRunTransport

        return DryRunTransport(self.transport, self.streams, self.output)

    def finish_dry_run(self) -> None:
        """Print the requests of a dry run that make one document; called at the end."""
        if "dry_run" in vars(self):
            self.dry_run.finish()

    def each(self, action: Callable[[Item], object], items: Iterable[Item]) -> None:
        """Call an action for every item, even if some fail; the last failure is raised at the end.

        All but the last failure are shown; all of them if something else ends it, such as a signal.
        """
        failures = []
        try:
            for one in items:
                try:
                    action(one)
                except DbjobsError as error:
                    failures.append(error)
            last = failures.pop() if failures else None
        finally:
            for failure in failures:
                self.streams.fail(failure)
        if last:
            raise last

    def page_url(self, job_id: int, run_id: int | None = None) -> str:
        """The URL of a job's page, or of a run's, as the API gives it."""
        workspace = f"?o={self.transport.workspace_id}" if self.transport.workspace_id else ""
        run = f"/run/{run_id}" if run_id else ""
        return f"{self.profile.host.value}/{workspace}#job/{job_id}{run}"

    def command_line(self, command: str, arguments: str) -> str:
        """A command for the same workspace as this one: with the same profile, file and host."""
        import shlex

        given = self.config_options
        parts = ["dbjobs", *command.split()]
        for option, value in (
            ("--profile", given.profile),
            ("--config", given.config),
            ("--host", given.host),
            ("--api-version", given.api_version),
        ):
            parts += [option, shlex.quote(str(value))] if value else []
        return " ".join([*parts, arguments])

    def same_command(self, *options: str) -> str:
        """This call with more options, as it is typed into a shell."""
        import shlex

        end = self.words.index("--") if "--" in self.words else len(self.words)
        return shlex.join(["dbjobs", *self.words[:end], *options, *self.words[end:]])

    def job_id(self, ref: str) -> int:
        """A job by its id, or by its exact name."""
        from dbjobs.runs.references import find_job

        return find_job(self.api, ref)

    def job_ids(self, refs: Iterable[str]) -> list[int]:
        """Jobs by id or by name, `-` for those on stdin, a line each; in the order given, each once."""
        lines = (line.strip() for line in sys.stdin)
        texts = chain.from_iterable(filter(None, lines) if ref == "-" else [ref] for ref in refs)
        job_ids = list(dict.fromkeys(map(self.job_id, texts)))
        if not job_ids:
            raise UsageError("no job was given: stdin is empty")
        return job_ids
