"""Identity tokens of pipelines, exchanged for a token of the workspace: no secret is kept anywhere.

Source: https://docs.databricks.com/dev-tools/auth/provider-github
"""

from pathlib import Path
from urllib.parse import quote

from dbjobs.auth.credentials import Grant
from dbjobs.auth.grants import bearer, token_of
from dbjobs.auth.oauth import audience_of, exchange, token_endpoint
from dbjobs.auth.sign_in import SignIn
from dbjobs.config.hosts import is_loopback
from dbjobs.config.ways import GITHUB_VARIABLES, oidc_variable
from dbjobs.errors import ConfigError


def fetch_by_github(sign_in: SignIn) -> Grant:
    """An identity token of GitHub Actions, made out to the workspace."""
    url, token = (sign_in.environ.get(name, "") for name in GITHUB_VARIABLES)
    if not url or not token:
        raise ConfigError(
            "GitHub gives this workflow no identity token",
            hint="its job needs `permissions: {id-token: write}`; elsewhere, sign in another way",
        )
    if not url.startswith("https://") and not is_loopback(url):
        raise ConfigError(
            f"{GITHUB_VARIABLES[0]} would get a token unencrypted", hint="GitHub's begins with https://"
        )
    sign_in.hide(token)
    endpoint = token_endpoint(sign_in)
    audience = quote(audience_of(sign_in, endpoint), safe="")
    url += f"{'&' if '?' in url else '?'}audience={audience}"
    answer = sign_in.ask("GET", url, headers=dict(bearer(token).headers))
    return exchange(sign_in, token_of(answer, "value"), endpoint)


def fetch_from_variable(sign_in: SignIn) -> Grant:
    """An identity token that the pipeline put into a variable."""
    name = oidc_variable(sign_in.profile.lender) if sign_in.profile.lender else None
    token = sign_in.environ.get(name or "", "").strip()
    if not token:
        place = f"the variable {name} is not set" if name else "oidc_token_env names no variable"
        raise ConfigError(f"there is no identity token: {place}")
    return exchange(sign_in, token, token_endpoint(sign_in))


def fetch_from_file(sign_in: SignIn) -> Grant:
    """An identity token that the platform keeps fresh in a file."""
    path = Path(sign_in.read("oidc_token_filepath")).expanduser()
    try:
        token = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"cannot read the identity token in {path}: {reason}") from None
    if not token:
        raise ConfigError(f"there is no identity token in {path}: it is empty")
    return exchange(sign_in, token, token_endpoint(sign_in))
