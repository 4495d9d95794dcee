"""Looks through everything that each test printed, logged or wrote, for the secrets that it used.

All secrets of the tests bear one mark, so there is one thing to look for, plain and in the
forms that HTTP gives it. A test whose output or files hold it fails, whatever else it says.
"""

import os
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.secrets import MARK

MOST_BYTES = 5_000_000
KEEPERS = ("config.yaml", ".databrickscfg", ".netrc", "netrc", "token", "identity", "az", "databricks")
"""Files that are there to hold a secret; each test that makes one looks after its mode itself."""

_told: list[tuple[str, str]] = []
"""Where a text was seen, and the text: of the test that is running."""


def note(place: str, text: str | bytes | None) -> None:
    """Something that dbjobs printed, caught by the test itself before anybody else could see it."""
    _told.append((place, text.decode(errors="replace") if isinstance(text, bytes) else text or ""))


def forms_of(mark: str) -> list[str]:
    """The mark, and what becomes of it inside base64, wherever it begins."""
    encoded = [b64encode(b"\0" * shift + mark.encode()).decode() for shift in range(3)]
    return [mark, *(text[4:-4] for text in encoded)]


FORMS = forms_of(MARK)


def has_secret(text: str) -> bool:
    return any(form in text for form in FORMS)


@pytest.fixture(autouse=True)
def watch_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What dbjobs prints in a process of its own counts as well."""
    _told.clear()
    communicate = subprocess.Popen.communicate

    def listen(process: "subprocess.Popen[Any]", *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        outputs = communicate(process, *args, **kwargs)
        if _is_dbjobs(process.args):
            for output in outputs:
                note("a process", output)
        return outputs

    monkeypatch.setattr(subprocess.Popen, "communicate", listen)


def _is_dbjobs(command: object) -> bool:
    """Whether some word of it names dbjobs; the project's folder may have that name as well."""
    words = command.split() if isinstance(command, str) else list(command)  # type: ignore[call-overload]
    return any("dbjobs" in os.fsdecode(word).rpartition("/")[2] for word in words)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.when == "teardown" and report.passed:
        found = sorted(set(_search(item, report)))
        if found:
            report.outcome = "failed"
            report.longrepr = f"a secret of the tests shows in: {', '.join(found)}"
    return report


def _search(item: pytest.Item, report: pytest.TestReport) -> Iterator[str]:
    for place, text in (*_told, *report.sections):
        if has_secret(text):
            yield place
    arguments = getattr(item, "funcargs", {})
    for name in ("home", "tmp_path"):
        if isinstance(folder := arguments.get(name), Path):
            yield from _search_folder(folder)


def _search_folder(folder: Path) -> Iterator[str]:
    for root, _, names in os.walk(folder):
        for path in (Path(root, name) for name in names if name not in KEEPERS):
            is_file = path.is_file() and not path.is_symlink() and path.stat().st_size < MOST_BYTES
            is_readable = os.access(
                path, os.R_OK
            )  # some tests make files that are not; root reads them anyway
            if is_file and is_readable and has_secret(path.read_bytes().decode(errors="replace")):
                yield f"the file {path.name}"
