"""The token for a host in `.netrc`."""

import netrc
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from dbjobs.errors import ConfigError


def netrc_path(environ: Mapping[str, str]) -> Path | None:
    """`NETRC`, else `~/.netrc` or `~/_netrc`; None if there is none."""
    named = [environ["NETRC"]] if environ.get("NETRC") else ["~/.netrc", "~/_netrc"]
    paths = [Path(os.path.expanduser(name)) for name in named]  # noqa: PTH111 - that of Path raises where there is no home
    return next((path for path in paths if path.is_file()), None)


def find_netrc_token(host: str, environ: Mapping[str, str]) -> str | None:
    """The password of the machine entry whose login is `token`; never that of a `default` entry."""
    path = netrc_path(environ)
    if path is None:
        return None
    try:
        entries = netrc.netrc(str(path)).hosts
    except netrc.NetrcParseError as error:
        raise ConfigError(f"{path} is not valid: line {error.lineno}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"cannot read {path}: {reason}") from None
    login, _, password = entries.get(urlsplit(host).hostname or "", ("", "", ""))
    return password if login == "token" else None
