"""Profiles and their hosts, cached so that completion need not parse the configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dbjobs.cli.cache import read_cache, write_cache
from dbjobs.cli.completion.line import CommandLine

CACHE = "profiles"


def find_host(line: CommandLine, environ: Mapping[str, str]) -> str | None:
    """The workspace that the line is about, by the precedence of the settings."""
    if given := line.values.get("--host"):
        return given
    profiles = read_profiles(line, environ)
    hosts: dict[str, str] = profiles["hosts"]
    if named := line.values.get("--profile"):
        return hosts.get(named)
    if host := environ.get("DATABRICKS_HOST"):
        workspace_id = environ.get("DATABRICKS_WORKSPACE_ID")
        return f"{host}/?w={workspace_id}" if workspace_id else host
    return hosts.get(environ.get("DATABRICKS_CONFIG_PROFILE") or profiles["default"] or "")


def read_profiles(line: CommandLine, environ: Mapping[str, str]) -> dict[str, Any]:
    """`hosts` by the profiles' names, and the `default`; parsed again when a file has changed."""
    from dbjobs.config.files import config_path, databrickscfg_path
    from dbjobs.config.settings import Options

    given = line.values.get("--config")
    options = Options(config=Path(given) if given else None)
    files = [_fingerprint(path) for path in (config_path(options, environ), databrickscfg_path(environ))]
    cached = read_cache(CACHE)
    if isinstance(cached, dict) and cached.get("files") == files:
        return cached

    from dbjobs.auth.profiles import list_profiles
    from dbjobs.config.files import ProfileFiles

    hosts, default = {}, None
    for profile in list_profiles(ProfileFiles(options, environ)):
        name, host, workspace_id = profile["name"], profile["host"], profile["workspace_id"]
        hosts[name] = f"{host}/?w={workspace_id}" if workspace_id else host
        default = name if profile["default"] else default
    profiles = {"files": files, "hosts": hosts, "default": default}
    write_cache(CACHE, profiles)
    return profiles


def _fingerprint(path: Path) -> list[Any]:
    """What changes when the file does."""
    try:
        status = path.stat()
    except OSError:
        return [str(path)]
    return [str(path), status.st_mtime_ns, status.st_size]
