"""What a checkout installs is fixed: locks/ has every requirement of pyproject.toml, for every system."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REPO = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))
GROUPS: dict[str, list[str]] = PYPROJECT["dependency-groups"]
PROJECT = PYPROJECT["project"]
REQUIREMENTS = {
    **GROUPS,
    "dev": [
        *GROUPS["dev"],
        *PROJECT["dependencies"],
        *(one for extra in PROJECT["optional-dependencies"].values() for one in extra),
        *PYPROJECT["build-system"]["requires"],
    ],
}
SYSTEMS: list[dict[str, str]] = [
    {
        "python_version": f"3.{minor}",
        "python_full_version": f"3.{minor}.0",
        "platform_system": platform_system,
        "sys_platform": sys_platform,
        "os_name": "nt" if sys_platform == "win32" else "posix",
    }
    for minor in range(10, 15)
    for platform_system, sys_platform in (("Linux", "linux"), ("Darwin", "darwin"), ("Windows", "win32"))
]


def entries(group: str) -> list[str]:
    """A pin with its marker and hashes, each."""
    text = re.sub(r"^ *#.*\n", "", (REPO / "locks" / f"{group}.txt").read_text("utf-8"), flags=re.MULTILINE)
    return text.replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("group", REQUIREMENTS)
def test_a_lock_holds_versions_and_hashes_and_no_address(group: str) -> None:
    locked = entries(group)

    assert locked
    pin = re.compile(r"[a-z0-9-]+==[\w.!+]+(?: ; [^\\#@]+?)? +(?:--hash=sha256:[0-9a-f]{64} *)+")
    assert [entry for entry in locked if not pin.fullmatch(entry)] == []
    assert "://" not in (REPO / "locks" / f"{group}.txt").read_text("utf-8")


@pytest.mark.parametrize("group", REQUIREMENTS)
def test_every_requirement_is_locked_once_at_a_version_in_its_range(group: str) -> None:
    pins = [Requirement(entry.partition(" --hash")[0]) for entry in entries(group)]
    for system in SYSTEMS:
        here = [pin for pin in pins if not pin.marker or pin.marker.evaluate(system)]
        versions = {pin.name: str(pin.specifier).removeprefix("==") for pin in here}
        assert len(versions) == len(here), f"two versions of one package for {system}"
        wanted = [
            requirement
            for requirement in map(Requirement, REQUIREMENTS[group])
            if not requirement.marker or requirement.marker.evaluate(system)
        ]
        missing = [
            str(requirement)
            for requirement in wanted
            if requirement.name.lower() not in versions
            or versions[requirement.name.lower()] not in requirement.specifier
        ]
        assert missing == [], f"call `make lock`; for {system}"
