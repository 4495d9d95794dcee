"""The profiles by name and host, kept in the cache so that no configuration need be parsed at a prompt."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from dbjobs.cli.cache import read_cache, write_cache
from dbjobs.cli.completion.line import Place

CACHE = "profiles"


def host_of(place: Place, environ: Mapping[str, str]) -> str | None:
    """The workspace that the line speaks of, by the ranks of the settings."""
    if given := place.values.get("--host"):
        return given
    profiles = known_profiles(place, environ)
    hosts: dict[str, str] = profiles["hosts"]
    if named := place.values.get("--profile"):
        return hosts.get(named)
    if host := environ.get("DATABRICKS_HOST"):
        workspace_id = environ.get("DATABRICKS_WORKSPACE_ID")
        return f"{host}/?w={workspace_id}" if workspace_id else host
    return hosts.get(environ.get("DATABRICKS_CONFIG_PROFILE") or profiles["default"] or "")


def known_profiles(place: Place, environ: Mapping[str, str]) -> dict[str, Any]:
    """`hosts` by the profiles' names, and the `default`; read anew if a file has changed since."""
    from dbjobs.config.files import config_path, databrickscfg_path
    from dbjobs.config.settings import Options

    given = place.values.get("--config")
    options = Options(config=Path(given) if given else None)
    files = [_stamp(path) for path in (config_path(options, environ), databrickscfg_path(environ))]
    cached = read_cache(CACHE)
    if isinstance(cached, dict) and cached.get("files") == files:
        return cached
    fresh = {"files": files, **_read(options, environ)}
    write_cache(CACHE, fresh)
    return fresh


def _stamp(path: Path) -> list[Any]:
    with suppress(OSError):
        found = path.stat()
        return [str(path), found.st_mtime_ns, found.st_size]
    return [str(path)]


def _read(options: Any, environ: Mapping[str, str]) -> dict[str, Any]:
    from dbjobs.auth.profiles import list_profiles
    from dbjobs.config.files import ProfileFiles

    listed = list_profiles(ProfileFiles(options, environ))
    hosts = {
        profile["name"]: f"{profile['host']}/?w={profile['workspace_id']}"
        if profile["workspace_id"]
        else profile["host"]
        for profile in listed
    }
    return {
        "hosts": hosts,
        "default": next((profile["name"] for profile in listed if profile["default"]), None),
    }
