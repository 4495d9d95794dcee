"""`dbjobs profiles login`."""

from typing import Annotated

import typer

from dbjobs.cli.framework import app_of
from dbjobs.cli.profiles.asking import try_out
from dbjobs.cli.profiles.options import ProfileName
from dbjobs.cli.profiles.showing import tell_copy
from dbjobs.errors import UsageError


def command(
    ctx: typer.Context,
    name: ProfileName,
    no_browser: Annotated[
        bool,
        typer.Option("--no-browser", help="Sign in with a browser on another machine."),
    ] = False,
    default: Annotated[bool, typer.Option("--default", help="Make it the default profile.")] = False,
) -> None:
    """Sign in in a browser, as yourself, and save a profile for it.

    The browser shows the workspace's sign-in page. The tokens are kept in the system's keyring, or in a
    file that only you can read, and are renewed automatically. On a machine without a browser, open the
    address on another one, and paste back the address to which that browser is redirected.

    \b
    Examples:
      dbjobs profiles login prod --host adb-1234567890123456.7.azuredatabricks.net
      dbjobs profiles login prod --host 'https://acme.databricks.com/?o=1234'
      dbjobs profiles login prod --no-browser

    Exit codes: 0 signed in, 2 no host, 3 refused, 6 out of reach.
    """
    from dbjobs.auth.drafts import Draft
    from dbjobs.cli.profiles.browser import sign_in_by_browser
    from dbjobs.config.editing import put_profile

    app = app_of(ctx)
    files = app.profile_files
    file = files.find(name)
    values = file.profiles[name] if file else {}
    values = values if isinstance(values, dict) else {}
    kept = {key: values[key] for key in ("host", "workspace_id", "account_id", "scopes") if values.get(key)}
    if app.options.host:
        kept = {"host": app.options.host}
    if not kept.get("host"):
        raise UsageError(
            f"there is no profile {name} yet, so its host is missing",
            hint=f"dbjobs profiles login {name} --host URL",
        )
    draft = Draft(name, {**kept, "auth_type": "external-browser"})
    draft.finish()
    where = sign_in_by_browser(app, draft, use_browser=not no_browser)
    try_out(app, draft)
    is_default = default or files.default() is None
    tell_copy(app, put_profile(files.ours.path, name, draft.values, is_default=is_default))
    app.streams.note(f"signed in; the tokens are in {where}, and profile {name} is in {files.ours.path}")
