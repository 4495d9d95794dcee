"""docs/coming-from.md: what to type instead exists, for whatever one comes from."""

import re

import pytest

from tests.support.calls import parse
from tests.support.manual import REPO, rows_of

PAGE = (REPO / "docs" / "coming-from.md").read_text("utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ")]
ENDPOINT = re.compile(
    r'"((?:runs/)?(?:create|list|get|reset|update|delete|run-now|submit|get-output|export|cancel|cancel-all|repair))"'
)


@pytest.mark.parametrize("call", [call for row in ROWS for call in re.findall(r"`(dbjobs [^`]*)`", row)])
def test_what_to_type_instead_is_right(call: str) -> None:
    parse(call)


def test_who_comes_from_curl_finds_every_endpoint() -> None:
    rows = rows_of("docs/coming-from.md", "From curl")

    told = {match[1] for row in rows if (match := re.search(r"`([a-z/-]+)", row[0]))}
    assert told == set(ENDPOINT.findall((REPO / "dbjobs" / "api" / "client.py").read_text("utf-8")))
