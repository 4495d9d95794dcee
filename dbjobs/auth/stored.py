"""Credentials that are there already: a token or a password, in the settings or in `.netrc`."""

from base64 import b64encode

from dbjobs.auth.credentials import Grant
from dbjobs.auth.grants import bearer
from dbjobs.auth.sign_in import SignIn
from dbjobs.config.netrc import find_netrc_token
from dbjobs.config.resolve import checked
from dbjobs.errors import ConfigError


def fetch_token(sign_in: SignIn) -> Grant:
    """A personal access token."""
    return bearer(sign_in.read("token"))


def fetch_password(sign_in: SignIn) -> Grant:
    """User name and password, as far as a workspace still takes them."""
    pair = f"{sign_in.read('username')}:{sign_in.read('password')}"
    return Grant({"Authorization": f"Basic {b64encode(pair.encode()).decode()}"})


def fetch_from_netrc(sign_in: SignIn) -> Grant:
    """A personal access token that stands in `.netrc`."""
    token = find_netrc_token(sign_in.host, sign_in.environ)
    if token is None:
        raise ConfigError(
            f"there is no token for {sign_in.host} in .netrc",
            hint="an entry reads: machine HOST login token password TOKEN",
        )
    return bearer(checked("token", token, ".netrc"))
