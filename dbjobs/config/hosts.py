"""Hosts of workspaces: normalized, and recognized by their names."""

import re
from contextlib import suppress
from urllib.parse import SplitResult, parse_qs, urlsplit

from dbjobs.errors import ConfigError

EXAMPLE_HOST = "https://adb-1234567890123456.7.azuredatabricks.net"
LOOPBACK_HOST = re.compile(r"localhost|127(\.\d{1,3}){3}|::1")
DEFAULT_PORTS = {"https": 443, "http": 80}
AZURE_DOMAINS = (".azuredatabricks.net", ".databricks.azure.us", ".databricks.azure.cn")
DATABRICKS_DOMAINS = (*AZURE_DOMAINS, ".databricks.com", ".databricks.us")
WORKSPACE_PARAMETERS = ("o", "w", "workspace_id")
"""The parameters that name the workspace in the URL of a page; ids are numbers, except in `w`."""

_HOST_OF_ONE_WORKSPACE = re.compile(
    r"adb-\d+\.\d+\.(azuredatabricks\.net|databricks\.azure\.(us|cn))"
    r"|dbc-[0-9a-f]+-[0-9a-f]+\.cloud\.databricks\.(com|us)"
    r"|\d+\.\d+\.gcp\.databricks\.com"
)


def normalize_host(text: str, *, allow_http: bool = False) -> str:
    """The base URL of what people paste, such as `adb-1.2.azuredatabricks.net/?o=1#job/3`.

    Keeps scheme, host, and port unless it is the default; the default scheme is https.
    Plain http is for loopback hosts only, unless allowed, since each request has credentials.
    """
    scheme, host, port = "", None, None
    with suppress(ValueError):
        parts = _split(text)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    if not host or scheme not in ("https", "http") or not re.fullmatch(r"[\w.:-]+", host):
        raise ConfigError("the host is not a URL", hint=f"a host looks like {EXAMPLE_HOST}")
    if scheme == "http" and not (allow_http or LOOPBACK_HOST.fullmatch(host)):
        raise ConfigError(
            f"http://{host} would send the token unencrypted",
            hint=f"use https://{host}; http is for this machine only, "
            "or for a profile that says `allow_http: true`",
        )
    if host.startswith(("accounts.", "accounts-dod.")):
        raise ConfigError(
            f"{host} is the account console, not a workspace",
            hint=f"open the workspace in a browser and take its address; it looks like {EXAMPLE_HOST}",
        )
    shown_host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown_host}" + (f":{port}" if port and port != DEFAULT_PORTS[scheme] else "")


def _split(text: str) -> SplitResult:
    text = text.strip()
    has_scheme = re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", text)
    return urlsplit(text if has_scheme else f"https://{text}")


def has_more_than_host(text: str) -> bool:
    """True for the URL of a page; a host with `?o=` is not one."""
    parts = _split(text)
    other_parameters = parse_qs(parts.query).keys() - {*WORKSPACE_PARAMETERS}
    return bool(parts.path.strip("/") or other_parameters or parts.fragment or parts.username)


def workspace_id_in(text: str) -> str | None:
    """The workspace that a URL names, as in `https://HOST/?o=1234`; None if it names none.

    Source: https://github.com/databricks/cli, libs/auth/hostparams.go
    """
    parameters: dict[str, list[str]] = {}
    with suppress(ValueError):
        parameters = parse_qs(_split(text).query)
    name = next((name for name in WORKSPACE_PARAMETERS if name in parameters), "")
    found = parameters.get(name, [""])[0]
    return found if re.fullmatch(r"[\w.-]+" if name == "w" else r"[0-9]+", found) else None


def serves_one_workspace(url: str) -> bool:
    """True for hosts with the name of a single workspace; several may share others."""
    return bool(_HOST_OF_ONE_WORKSPACE.fullmatch(urlsplit(url).hostname or ""))


def is_loopback(url: str) -> bool:
    return bool(LOOPBACK_HOST.fullmatch(urlsplit(url).hostname or ""))


def is_azure(url: str) -> bool:
    """True for hosts of Azure Databricks, whose users sign in with Entra ID."""
    return (urlsplit(url).hostname or "").endswith(AZURE_DOMAINS)


def is_databricks(url: str) -> bool:
    """True for hosts in the domains of Databricks."""
    parts = urlsplit(url)
    return parts.scheme == "https" and (parts.hostname or "").endswith(DATABRICKS_DOMAINS)


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL: credentials are sent to the same origin only."""
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"
