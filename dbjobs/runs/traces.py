"""Exceptions in the traces of tasks: the one that started it, and the deepest line of the user's own code.

Traces come from Python files, from notebooks (IPython's form, old and new), and from the Java virtual
machine, alone or within a Python exception. What is in them was written by anybody's code.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dbjobs.common.plain_text import clean_line, clean_text

LONGEST_TRACE = 200_000
"""Characters of a trace that are looked at, from its end."""

LONGEST_PATH = 500

LONGEST_LINE = 2_000
"""Characters of an exception's line that are kept."""

_CHAIN = (
    r"\n[ \t]*(?:The above exception was the direct cause of the following exception"
    r"|During handling of the above exception, another exception occurred):[ \t]*\n"
)
_FRAME = (
    r'^[ \t]*File "(?P<python>[^"\n]+)", line (?P<python_line>\d+)'
    r"|^[ \t]*File (?P<notebook>[^\s\",][^,\n]*?)(?::|, line )(?P<notebook_line>\d+)(?=\D|$)"
    r"|^[ \t]*(?P<cell>Cell In ?\[\d+\]), line (?P<cell_line>\d+)"
    r"|^(?P<old><[\w-]+>|/\S+) in (?!\s)[^\n]*(?:\n(?!\S+ in )[^\n]*)*?\n-+> ?(?P<old_line>\d+)"
)
_JVM_FRAME = r"^\s+at ([\w.$<>]+)\((\w+\.\w+:\d+)\)"
_JVM_CAUSE = r"^(?:Caused by: |: )([\w.$]+(?:: ?.*)?)$"
_EXCEPTION = r"^([A-Za-z_][\w.$]*)(?:: ?(.*))?$"
_FOREIGN_PATH = (
    r"^/databricks/|^/usr/lib|(?:site|dist)-packages/|/lib/python\d|\.zip/|^<frozen|^<string>|^<timed"
)
_FOREIGN_CLASS = r"^(?:java|javax|jdk|sun|scala|py4j|org\.apache|com\.databricks|org\.eclipse)\b"


@dataclass(frozen=True)
class RaisedException:
    """The exception that made a task fail."""

    line: str
    """type and message, as it was printed"""
    frame: str = ""
    """the deepest line of the user's own code; empty if the trace has none"""
    is_raised_by_own_code: bool = False
    """True if no frame of a library lies deeper"""
    became: str = ""
    """the exception that was reported in its place, if it is another one"""

    @property
    def type(self) -> str:
        """With its module, such as `py4j.protocol.Py4JJavaError`."""
        return self.line.partition(":")[0]


@dataclass(frozen=True)
class _Link:
    """One exception of a chain."""

    line: str
    frame: str
    is_deepest: bool


def find_exception(text: str, own_packages: Sequence[str] = ()) -> RaisedException | None:
    """The first exception in a trace that passed through the user's own code; else the last one.

    What a library raises, and handles by raising something better, passed through no code of the user.
    `own_packages`: names of the user's packages and prefixes of Java classes.
    """
    text = clean_text(text[-LONGEST_TRACE:])
    links = [link for part in re.split(_CHAIN, text) if (link := _read_link(part, own_packages))]
    if not links:
        return None
    first = next((link for link in links if link.frame), links[-1])
    became = links[-1].line if links[-1].line != first.line else ""
    return RaisedException(first.line, first.frame, first.is_deepest, became)


def find_in_logs(logs: str) -> str:
    """The last trace in the logs of a task, with those that it is chained to; empty if there is none."""
    tail = clean_text(logs[-LONGEST_TRACE:])
    starts = [
        match.start() for match in re.finditer(r"^Traceback \(most recent call last\)", tail, re.MULTILINE)
    ]
    while len(starts) > 1 and re.search(_CHAIN, tail[starts[-2] : starts[-1]]):
        starts.pop()
    return tail[starts[-1] :] if starts else ""


def _read_link(part: str, own_packages: Sequence[str]) -> _Link | None:
    frames = list(_python_frames(part))
    after_frames = part[frames[-1][2] :] if frames else part
    line = _exception_line(after_frames)
    if line is None:
        return None
    if cause := _innermost_jvm_cause(after_frames):
        jvm_frame = _jvm_frame(after_frames, own_packages)
        line = cause
        if not frames:
            return _Link(line, jvm_frame, bool(jvm_frame))
    own = [(path, number) for path, number, _ in frames if is_own_path(path, own_packages)]
    frame = f"{_short_path(own[-1][0])}, line {own[-1][1]}" if own else ""
    is_deepest = bool(own) and own[-1] == frames[-1][:2]
    return _Link(line, frame, is_deepest)


def _python_frames(part: str) -> Iterator[tuple[str, str, int]]:
    """Path, line, and where the frame's text ends."""
    for match in re.finditer(_FRAME, part, re.MULTILINE):
        for path in ("python", "notebook", "cell", "old"):
            if match[path]:
                yield match[path], match[f"{path}_line"], match.end()


def is_own_path(path: str, own_packages: Sequence[str]) -> bool:
    """Whether a file is the user's: not one of Python, of Spark, or of an installed package that is not"
    " theirs."""
    folder = re.search(r"(?:site|dist)-packages/([^/]+)", path)
    if folder and folder[1].removesuffix(".py") in own_packages:
        return True
    return not re.search(_FOREIGN_PATH, path)


def _short_path(path: str) -> str:
    """Of a file in an installed package, where the package is installed says nothing."""
    return re.sub(r"^.*(?:site|dist)-packages/", "", path)[-LONGEST_PATH:]


def _exception_line(text: str) -> str | None:
    """The first line that reads like `Type: message`; the lines of code above it are indented or numbered."""
    for line in text.splitlines():
        match = re.match(_EXCEPTION, line.rstrip())
        if match and match[1][0].isalpha() and _is_type(match[1], has_message=match[2] is not None):
            return clean_line(line[:LONGEST_LINE])
    return None


def _is_type(name: str, *, has_message: bool) -> bool:
    """Words before a colon are many things; without one, only the usual names are an exception's."""
    last = name.rpartition(".")[2]
    is_usual = last.endswith(("Error", "Exception", "Exit", "Interrupt", "Warning", "Failure", "Fault"))
    is_name = last[:1].isupper() and not last.isupper() and last not in ("Traceback", "File", "Cell")
    return is_usual or (has_message and is_name)


def _innermost_jvm_cause(text: str) -> str:
    causes = re.findall(_JVM_CAUSE, text, re.MULTILINE)
    return clean_line(causes[-1][:LONGEST_LINE]) if causes else ""


def _jvm_frame(text: str, own_packages: Sequence[str]) -> str:
    """The first frame below the innermost cause that is in the user's classes."""
    causes = list(re.finditer(_JVM_CAUSE, text, re.MULTILINE))
    frames = re.findall(_JVM_FRAME, text[causes[-1].end() if causes else 0 :], re.MULTILINE)
    own = [f"{method}({line})" for method, line in frames if method.startswith(tuple(own_packages))]
    foreign = [f"{method}({line})" for method, line in frames if not re.match(_FOREIGN_CLASS, method)]
    return next(iter([*own, *foreign] if own_packages else foreign), "")
