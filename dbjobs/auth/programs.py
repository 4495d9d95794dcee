"""Programs that users have signed in with: the Azure CLI and the Databricks CLI.

Sources: https://learn.microsoft.com/cli/azure/account#az-account-get-access-token
https://docs.databricks.com/dev-tools/cli/reference/auth-commands
"""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from dbjobs.auth.azure import Token, grant_by
from dbjobs.auth.credentials import Grant
from dbjobs.auth.grants import bearer, token_of
from dbjobs.auth.sign_in import SignIn
from dbjobs.common.deadline import seconds_left
from dbjobs.config.ways import databricks_program, find_program
from dbjobs.errors import ToolError, UnsentError

TIMEOUT = 60.0
"""Seconds that a program may take."""


def fetch_by_azure_cli(sign_in: SignIn) -> Grant:
    """The token of `az login`."""

    def token_for(resource: str) -> Token:
        tenant = sign_in.get("azure_tenant_id")
        options = ["--resource", resource, "-o", "json", *(["--tenant", tenant] if tenant else [])]
        answer = _run(sign_in, ["az", "account", "get-access-token", *options], hint="sign in with: az login")
        return token_of(answer, "accessToken"), _lifetime(sign_in, answer, ("expires_on", "expiresOn"))

    return grant_by(sign_in, token_for)


def fetch_by_databricks_cli(sign_in: SignIn) -> Grant:
    """The token of `databricks auth login`; by the profile's name, which older versions do not take."""
    program = databricks_program(sign_in.profile.settings)
    by_host = ["--host", sign_in.host]
    name = sign_in.profile.official_name
    hint = f"sign in with: databricks auth login {' '.join(['--profile', name] if name else by_host)}"
    try:
        answer = _run(sign_in, [program, "auth", "token", *(["--profile", name] if name else by_host)], hint)
    except ToolError:
        if not name:
            raise
        answer = _run(sign_in, [program, "auth", "token", *by_host], hint)
    return bearer(token_of(answer), _lifetime(sign_in, answer, ("expiry",)))


def _run(sign_in: SignIn, command: Sequence[str], hint: str) -> dict[str, Any]:
    """What the program prints, as JSON. It gets no secret from us, so its words hold none of ours."""
    name, *arguments = command
    program = find_program(name, sign_in.environ)
    if program is None:
        raise ToolError(f"there is no program {name} on the PATH", hint="install it, or sign in another way")
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
        raise ToolError(f"{name} gave no token: {_reason(done.stderr)}", hint=hint)
    return _parse(name, done.stdout)


def _parse(name: str, output: bytes) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        answer = json.loads(output)
        if isinstance(answer, dict):
            return answer
    raise ToolError(f"{name} gave no token: it did not print JSON", hint=f"is it a recent version of {name}?")


def _reason(stderr: bytes) -> str:
    """The first line that says something."""
    lines = (line.strip() for line in stderr.decode(errors="replace").splitlines())
    reason = next((line for line in lines if line), "it says nothing")
    return re.sub(r"^(ERROR|Error):\s*", "", reason)[:300]


def _lifetime(sign_in: SignIn, answer: Mapping[str, Any], keys: Sequence[str]) -> float | None:
    """Seconds until the moment that one of the keys holds: an epoch, or a time with or without a zone."""
    now = sign_in.clock.now()
    for key in keys:
        with suppress(ValueError, TypeError):
            value = answer.get(key)
            ends = float(value) if isinstance(value, int | float) else _epoch(str(value))
            return max(0.0, ends - now)
    return None


def _epoch(text: str) -> float:
    """`2026-01-01T12:00:00.123456789+01:00` and the like; without a zone it is local time."""
    text = re.sub(r"(\.\d{1,6})\d*", r"\1", text.strip()).replace("Z", "+00:00")
    if found := re.search(r"\.(\d{1,5})(?!\d)", text):
        text = text.replace(found[0], f".{found[1]:0<6}")  # Python 3.10 wants three or six digits
    return datetime.fromisoformat(text).timestamp()
