"""Credentials that are there already: a token or a password, in the settings or in `.netrc`."""

from dbjobs.auth.grants import Grant, basic, bearer
from dbjobs.auth.registry import auth_method
from dbjobs.auth.sign_in import SignIn
from dbjobs.config.netrc import find_netrc_token
from dbjobs.config.resolve import checked
from dbjobs.errors import ConfigError


@auth_method("pat", needs=["token"], is_explicit=True)
def personal_access_token(sign_in: SignIn) -> Grant:
    """A token that somebody made in the workspace."""
    return bearer(sign_in.read("token"))


@auth_method("basic", needs=["username", "password"], is_explicit=True)
def user_name_and_password(sign_in: SignIn) -> Grant:
    """As far as a workspace still takes them."""
    return basic(sign_in.read("username"), sign_in.read("password"))


@auth_method("netrc", is_available=lambda source, host, environ: find_netrc_token(host, environ) is not None)
def netrc(sign_in: SignIn) -> Grant:
    """A personal access token in `.netrc`."""
    token = find_netrc_token(sign_in.host, sign_in.environ)
    if token is None:
        raise ConfigError(
            f"there is no token for {sign_in.host} in .netrc",
            hint="an entry reads: machine HOST login token password TOKEN",
        )
    return bearer(checked("token", token, ".netrc"))
