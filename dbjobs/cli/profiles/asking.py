"""The settings that `profiles add` takes and asks for, and the check of the result."""

import sys
from dataclasses import dataclass
from getpass import getpass
from typing import Annotated

import typer

from dbjobs.auth.drafts import Draft, parse_settings
from dbjobs.cli.changing import confirm, is_attended
from dbjobs.cli.context import App
from dbjobs.config.settings import SECRETS
from dbjobs.errors import DbjobsError, UsageError


@dataclass(frozen=True)
class Answers:
    """The settings that are given as options, so that they need not be asked for."""

    auth_type: Annotated[
        str | None,
        typer.Option(metavar="TYPE", help="How to sign in  [default: pat]."),
    ] = None
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting, read as YAML; may be repeated."),
    ] = None
    secret_stdin: Annotated[
        bool, typer.Option("--token-stdin", "--secret-stdin", help="Read the token, or secret, from stdin.")
    ] = False
    keyring: Annotated[
        bool, typer.Option("--keyring", help="Keep the secret in the system's keyring, not in the file.")
    ] = False


def start(app: App, name: str, answers: Answers) -> Draft:
    """A profile with the settings that were given."""
    given = {
        "host": app.options.host,
        "auth_type": answers.auth_type,
        "api_version": app.config_options.api_version,
    }
    values = parse_settings(answers.settings or []) | {key: value for key, value in given.items() if value}
    return Draft(name, values)


def complete(app: App, draft: Draft, answers: Answers) -> None:
    """Ask for the rest; secrets are typed without echo."""
    for key in draft.missing():
        is_secret = key in SECRETS
        if is_secret and answers.secret_stdin:
            text = sys.stdin.readline()
        elif not is_attended(app):
            hint = "give it with --host" if key == "host" else f"give it with --set {key}=VALUE"
            raise UsageError(
                f"the {key} is missing, and there is no terminal to ask on",
                hint="--token-stdin reads it from stdin" if is_secret else hint,
            )
        elif is_secret:
            text = getpass(f"{key} (not shown): ", stream=app.streams.err)
        else:
            app.streams.ask(f"{key}: ")
            text = sys.stdin.readline()
        if not text.strip():
            raise UsageError(f"the {key} is empty", hint="nothing was changed")
        draft.values[key] = text.strip()
    draft.finish()


def try_out(app: App, draft: Draft) -> None:
    """Check the profile; if it does not work, ask whether to save it anyway."""
    try:
        for step in app.checkup(draft.profile(app.profile_files)).steps():
            app.streams.detail(f"{step.name}: {step.finding}")
            if step.error:
                raise step.error
    except DbjobsError as error:
        if not is_attended(app):
            raise
        app.streams.fail(error)
        confirm(app, lambda: "save the profile anyway", yes=False)
    else:
        app.streams.note("it works")
