"""Auth methods of other programs: the Azure CLI and the Databricks CLI.

Sources: https://learn.microsoft.com/cli/azure/account#az-account-get-access-token
https://docs.databricks.com/dev-tools/cli/reference/auth-commands
"""

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from dbjobs.auth.azure import TokenAndLifetime, grant_by, tenant_of
from dbjobs.auth.browser import official_grant
from dbjobs.auth.grants import Grant, bearer_of, claims_of, lifetime_of, token_of
from dbjobs.auth.oauth import DEFAULT_SCOPE, scopes_of
from dbjobs.auth.registry import auth_method
from dbjobs.auth.sign_in import SignIn
from dbjobs.common.deadline import seconds_left
from dbjobs.config.hosts import is_azure
from dbjobs.config.settings import Setting
from dbjobs.errors import SignInError, ToolError, UnsentError

TIMEOUT = 60.0
"""Seconds that a program may run."""


@auth_method(
    "azure-cli",
    is_available=lambda source, host, environ: is_azure(host) and find_program("az", environ) is not None,
)
def azure_cli(sign_in: SignIn) -> Grant:
    """The token of `az login`."""
    tenant = tenant_of(sign_in)
    resource_id = sign_in.get("azure_workspace_resource_id") or ""
    subscription = resource_id.split("/")[2] if resource_id.startswith("/subscriptions/") else None
    candidates = [("--subscription", subscription), ("--tenant", tenant)]
    options = [[option, value] for option, value in candidates if value]

    def token_for(resource: str) -> TokenAndLifetime:
        command = ["az", "account", "get-access-token", "--resource", resource, "--output", "json"]
        answer = _ask_with_fewer_options(sign_in, command, options)
        return token_of(answer, "accessToken"), lifetime_of(answer, sign_in.clock.now())

    return grant_by(sign_in, token_for)


def _ask_with_fewer_options(
    sign_in: SignIn, command: Sequence[str], options: Sequence[Sequence[str]]
) -> dict[str, Any]:
    """The output of `az`; if the account does not allow an option, it is left out, the first one first.

    A user of the workspace may have no subscription, and a managed identity takes no tenant.
    """
    hint = "sign in with: az login"
    try:
        return _run(sign_in, [*command, *(word for option in options for word in option)], hint)
    except ToolError as error:
        if not options or find_program("az", sign_in.environ) is None:
            raise
        with suppress(ToolError):
            return _ask_with_fewer_options(sign_in, command, options[1:])
        raise error from None


@auth_method(
    "databricks-cli",
    is_available=lambda source, host, environ: (
        find_program(_databricks(source.settings), environ) is not None
    ),
)
def databricks_cli(sign_in: SignIn) -> Grant:
    """The token of `databricks auth login`, by profile, or by host for older versions."""
    program = _databricks(sign_in.profile.settings)
    by_host = ["--host", sign_in.host]
    name = sign_in.profile.official_name
    hint = f"sign in with: databricks auth login {' '.join(['--profile', name] if name else by_host)}"
    if find_program(program, sign_in.environ) is None and (grant := official_grant(sign_in, hint)):
        return grant
    try:
        answer = _run(sign_in, [program, "auth", "token", *(["--profile", name] if name else by_host)], hint)
    except ToolError:
        if not name:
            raise
        answer = _run(sign_in, [program, "auth", "token", *by_host], hint)
    # the program returns a token for the scopes that it signed in with
    wanted, given = set(scopes_of(sign_in).split()), claims_of(token_of(answer)).get("scope")
    given = set(given.split() if isinstance(given, str) else map(str, given or ())) - {"offline_access"}
    if sign_in.profile.get("scopes") and given and given != wanted:
        raise SignInError(
            f"the Databricks CLI is signed in for {' '.join(sorted(given))}, "
            f"and the profile wants {' '.join(sorted(wanted)) or DEFAULT_SCOPE}",
            hint=f"{hint} --scopes {','.join(sorted(wanted))}",
        )
    return bearer_of(answer, sign_in.clock.now())


def _databricks(settings: Mapping[str, Setting]) -> str:
    path = settings.get("databricks_cli_path")
    return path.value if path else "databricks"


def find_program(name: str, environ: Mapping[str, str]) -> str | None:
    """The path of a program on the PATH, or of a path that exists."""
    return shutil.which(str(Path(name).expanduser()), path=environ.get("PATH", ""))


def _run(sign_in: SignIn, command: Sequence[str], hint: str) -> dict[str, Any]:
    """The JSON that a program prints. It gets no secret from dbjobs, so its errors can be shown."""
    import subprocess

    name, *arguments = command
    program = find_program(name, sign_in.environ)
    if program is None:
        raise ToolError(
            f"there is no program {name} on the PATH", hint="install it, or use another auth method"
        )
    timeout = min(TIMEOUT, seconds_left())
    try:
        done = subprocess.run(  # noqa: S603 - a program of the user's PATH, without a shell
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            env=dict(sign_in.environ),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnsentError(f"cannot sign in: {name} did not answer within {timeout:.0f} s") from None
    except OSError as error:
        raise ToolError(f"cannot run {program}: {error.strerror}", hint=hint) from None
    if done.returncode:
        lines = (line.strip() for line in done.stderr.decode(errors="replace").splitlines())
        reason = next((line for line in lines if line), "it printed nothing")
        reason = re.sub(r"^(ERROR|Error):\s*", "", reason)[:300]
        raise ToolError(f"{name} gave no token: {reason}", hint=hint)
    with suppress(ValueError, RecursionError):
        answer = json.loads(done.stdout)
        if isinstance(answer, dict):
            return answer
    raise ToolError(f"{name} gave no token: it did not print JSON", hint=f"is it a recent version of {name}?")
