"""Exceptions in the traces of tasks: the one that started it, and the deepest line of the user's own code.

Traces come from Python files, from notebooks (IPython's form, old and new), and from the Java virtual
machine, alone or within a Python exception. What is in them was written by anybody's code.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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
    return replace(first, became=became)


def find_in_logs(logs: str) -> str:
    """The last trace in the logs of a task, with those that it is chained to; empty if there is none."""
    tail = clean_text(logs[-LONGEST_TRACE:])
    starts = [
        match.start() for match in re.finditer(r"^Traceback \(most recent call last\)", tail, re.MULTILINE)
    ]
    while len(starts) > 1 and re.search(_CHAIN, tail[starts[-2] : starts[-1]]):
        starts.pop()
    return tail[starts[-1] :] if starts else ""


def _read_link(part: str, own_packages: Sequence[str]) -> RaisedException | None:
    frames = list(_python_frames(part))
    after_frames = part[frames[-1][2] :] if frames else part
    line = _exception_line(after_frames)
    if line is None:
        return None
    if causes := list(re.finditer(_JVM_CAUSE, after_frames, re.MULTILINE)):
        line = clean_line(causes[-1][1][:LONGEST_LINE])
        if not frames:
            jvm_frame = _find_jvm_frame(after_frames[causes[-1].end() :], own_packages)
            return RaisedException(line, jvm_frame, bool(jvm_frame))
    own = [(path, number) for path, number, _ in frames if is_own_path(path, own_packages)]
    if not own:
        return RaisedException(line)
    path, number = own[-1]
    short_path = re.sub(r"^.*(?:site|dist)-packages/", "", path)[-LONGEST_PATH:]
    return RaisedException(line, f"{short_path}, line {number}", own[-1] == frames[-1][:2])


def _python_frames(part: str) -> Iterator[tuple[str, str, int]]:
    """Path, line, and where the frame's text ends."""
    for match in re.finditer(_FRAME, part, re.MULTILINE):
        for path in ("python", "notebook", "cell", "old"):
            if match[path]:
                yield match[path], match[f"{path}_line"], match.end()


def is_own_path(path: str, own_packages: Sequence[str]) -> bool:
    """Whether a file is the user's: not one of Python, of Spark, or of a package of somebody else."""
    folder = re.search(r"(?:site|dist)-packages/([^/]+)", path)
    if folder and folder[1].removesuffix(".py") in own_packages:
        return True
    return not re.search(_FOREIGN_PATH, path)


def _exception_line(text: str) -> str | None:
    """The first line that reads like `Type: message`; the lines of code above it are indented or numbered."""
    for line in text.splitlines():
        match = re.match(_EXCEPTION, line.rstrip())
        if not match or not match[1][0].isalpha():
            continue
        last = match[1].rpartition(".")[2]
        is_usual = last.endswith(("Error", "Exception", "Exit", "Interrupt", "Warning", "Failure", "Fault"))
        is_name = last[:1].isupper() and not last.isupper() and last not in ("Traceback", "File", "Cell")
        # words before a colon are many things; without a colon, only the usual names are an exception's
        if is_usual or (match[2] is not None and is_name):
            return clean_line(line[:LONGEST_LINE])
    return None


def _find_jvm_frame(text: str, own_packages: Sequence[str]) -> str:
    """The first frame that is in the user's classes."""
    frames = re.findall(_JVM_FRAME, text, re.MULTILINE)
    own = [f"{method}({line})" for method, line in frames if method.startswith(tuple(own_packages))]
    foreign = [f"{method}({line})" for method, line in frames if not re.match(_FOREIGN_CLASS, method)]
    return next(iter([*own, *foreign] if own_packages else foreign), "")
