"""How others read what dbjobs writes: the parsers of CI systems, JUnit's schema, a browser."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import NamedTuple
from xml.etree import ElementTree as ET


class Command(NamedTuple):
    """A command that a CI system found in a line."""

    name: str
    properties: dict[str, str]
    data: str


def github_commands(text: str) -> list[Command]:
    """As src/Runner.Common/ActionCommand.cs in github.com/actions/runner finds them."""
    return list(filter(None, map(_github_command, re.split("\r\n|\r|\n", text))))


def _github_command(line: str) -> Command | None:
    if found := re.match(r"\s*::(?P<name>[^ :]+)(?: (?P<properties>.*?))?::(?P<data>.*)", line):
        pairs = (pair.partition("=") for pair in (found["properties"] or "").split(",") if pair)
        properties = {name: _unescape(value, "%3A", "%2C") for name, _, value in pairs}
        return Command(found["name"], properties, _unescape(found["data"]))
    if found := re.search(r"##\[(?P<name>[^\] ]+)[^\]]*\](?P<data>.*)", line):
        return Command(f"##{found['name']}", {}, found["data"])
    return None


def _unescape(text: str, *more: str) -> str:
    for escape in ("%0D", "%0A", *more, "%25"):
        text = text.replace(escape, chr(int(escape[1:], 16)))
    return text


def azure_commands(text: str) -> list[Command]:
    """As Command.cs in github.com/microsoft/azure-pipelines-agent finds them, and those that format."""
    return list(filter(None, map(_azure_command, re.split("\r\n|\r|\n", text))))


def _azure_command(line: str) -> Command | None:
    if found := re.search(r"##vso\[(?P<name>[^\] ]+)(?: (?P<properties>[^\]]*))?\](?P<data>.*)", line):
        pairs = (pair.partition("=") for pair in (found["properties"] or "").split(";") if pair)
        properties = {name: _azure_unescape(value) for name, _, value in pairs}
        return Command(found["name"], properties, _azure_unescape(found["data"]))
    if found := re.search(r"##\[(?P<name>[a-z]+)\](?P<data>.*)", line):
        return Command(f"##{found['name']}", {}, found["data"])
    return None


def _azure_unescape(text: str) -> str:
    for escape, sign in (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%")):
        text = re.sub(escape, sign, text, flags=re.IGNORECASE)
    return text


def teamcity_messages(text: str) -> list[Command]:
    """As TeamCity's agent reads them: https://www.jetbrains.com/help/teamcity/service-messages.html"""
    value = r"'((?:\|.|[^'|\[\]])*)'"
    messages = []
    for line in re.split("\r\n|\r|\n", text):
        for start in re.finditer(r"##teamcity\[", line):
            whole = re.match(rf"(\w+)((?: \w+={value})*| {value})\]", line[start.end() :])
            assert whole, f"no service message: {line}"
            pairs = {name: _teamcity_unescape(text) for name, text in re.findall(rf"(\w+)={value}", whole[2])}
            alone = re.fullmatch(rf" {value}", whole[2])
            messages.append(Command(whole[1], pairs, _teamcity_unescape(alone[1]) if alone else ""))
    return messages


def _teamcity_unescape(text: str) -> str:
    def read(found: re.Match[str]) -> str:
        return chr(int(found[1], 16)) if found[1] else {"n": "\n", "r": "\r"}.get(found[2], found[2])

    units = re.sub(r"\|(?:0x([0-9A-F]{4})|(.))", read, text)
    return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def buildkite_headings(text: str) -> list[str]:
    """The lines that begin a group: process/header_times_streamer.go in github.com/buildkite/agent."""
    heading = r"(?:---|\+\+\+|~~~)\s.*|\^\^\^\s+\+\+\+\s*"
    return [line for line in re.split("\r\n|\r|\n", text) if re.fullmatch(heading, line)]


TEXT = frozenset({"type", "message"})
CASE_PARTS = frozenset({"skipped", "error", "failure", "system-out", "system-err"})
RERUNS = frozenset({"rerunFailure", "rerunError", "flakyFailure", "flakyError"})
JUNIT: dict[str, tuple[frozenset[str], frozenset[str], frozenset[str]]] = {
    "testsuites": (
        frozenset({"testsuite"}),
        frozenset(),
        frozenset({"name", "time", "tests", "failures", "errors"}),
    ),
    "testsuite": (
        frozenset({"testsuite", "properties", "testcase", "system-out", "system-err"}),
        frozenset({"name", "tests", "failures", "errors"}),
        frozenset(
            {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"}
        ),
    ),
    "properties": (frozenset({"property"}), frozenset(), frozenset()),
    "property": (frozenset(), frozenset({"name", "value"}), frozenset()),
    "testcase": (CASE_PARTS | RERUNS, frozenset({"name"}), frozenset({"time", "classname", "group"})),
    **{tag: (frozenset(), frozenset(), TEXT) for tag in ("failure", "error", "skipped")},
    **{
        tag: (
            frozenset({"stackTrace", "system-out", "system-err"}),
            frozenset({"type"}),
            frozenset({"message"}),
        )
        for tag in RERUNS
    },
    **{tag: (frozenset(), frozenset(), frozenset()) for tag in ("stackTrace", "system-out", "system-err")},
}
"""By element: what it may hold, what it must say, what it may say. Facts of junit-10.xsd:
https://github.com/jenkinsci/xunit-plugin/tree/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd"""


def read_junit(text: str) -> ET.Element:
    """The document, if it is well-formed and valid."""
    root = ET.fromstring(text.encode())
    assert root.tag in ("testsuites", "testsuite")
    for element in root.iter():
        children, required, optional = JUNIT[element.tag]
        assert {child.tag for child in element} <= children, element.tag
        assert required <= set(element.keys()) <= required | optional, element.tag
        if element.tag in ("testsuites", "testsuite"):
            assert re.fullmatch(r"\d*(\.\d*)?", element.get("time", "0")), "SUREFIRE_TIME"
    return root


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "img") and not self.get_starttag_text_ends():
            self.open.append(tag)

    def get_starttag_text_ends(self) -> bool:
        return (self.get_starttag_text() or "").endswith("/>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> ends nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text.append(data)


class Page(NamedTuple):
    """What a browser makes of HTML."""

    tags: list[tuple[str, dict[str, str | None]]]
    text: str

    def attributes(self, name: str) -> Iterator[str]:
        """All values of an attribute."""
        return (value or "" for _, attrs in self.tags for key, value in attrs.items() if key == name)


def read_html(text: str) -> Page:
    """The page, if every element that is opened is closed where it has to be."""
    page = _Page()
    page.feed(text)
    page.close()
    assert page.open == [], "all is closed"
    return Page(page.tags, "".join(page.text))
