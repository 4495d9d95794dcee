"""`dbjobs profiles add`."""

from typing import Annotated

import typer

from dbjobs.cli.changing import confirm
from dbjobs.cli.framework import app_of
from dbjobs.cli.profiles.asking import Answers, complete, start, try_out
from dbjobs.cli.profiles.options import ProfileName
from dbjobs.cli.profiles.showing import tell_copy


def command(
    ctx: typer.Context,
    name: ProfileName,
    answers: Answers,
    default: Annotated[bool, typer.Option("--default", help="Make it the default profile.")] = False,
    no_check: Annotated[bool, typer.Option("--no-check", help="Save it without testing it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Replace a profile of that name.")] = False,
) -> None:
    """Create a profile: ask for its settings, test it, and save it.

    Secrets are asked for without echo, or read from stdin; no option takes one. --set takes the other
    settings, and references to where a secret is stored. The profile is saved in config.yaml.

    \b
    Examples:
      dbjobs profiles add prod --host adb-1234567890123456.7.azuredatabricks.net
      dbjobs profiles add prod --host HOST --token-stdin < token.txt
      dbjobs profiles add ci --host HOST --set client_id=ID \\
          --set 'client_secret={env: CI_SECRET}'
      dbjobs profiles add dev --host HOST --auth-type databricks-cli

    Exit codes: 0 saved, 2 something was left unsaid, 3 it does not work, 6 out of reach.
    """
    from dbjobs.config.editing import put_profile

    app = app_of(ctx)
    files = app.profile_files
    draft = start(app, name, answers)
    if name in files.ours.profiles:
        confirm(app, lambda: f"replace profile {name} in {files.ours.path}", yes=yes)
    complete(app, draft, answers)
    if not no_check:
        try_out(app, draft)
    if answers.keyring:
        draft.move_secrets_to_keyring()
    is_default = default or files.default() is None
    tell_copy(app, put_profile(files.ours.path, name, draft.values, is_default=is_default))
    more = ", as the default" if is_default else f"; the default with: dbjobs profiles use {name}"
    app.streams.note(f"profile {name} is saved in {files.ours.path}{more}")
