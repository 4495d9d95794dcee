"""Draws docs/recording.svg: a run in the sandbox that fails, as a real terminal shows it over time.

.venv/bin/python docs/make_recording.py
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path

import pyte

from dbjobs.cli.context import App
from dbjobs.common.clock import SystemClock
from dbjobs.jobfiles.files import read_body
from dbjobs.sandbox.scenarios import read_scenario
from dbjobs.sandbox.server import Sandbox
from tests.support.terminal import Terminal

DOCS = Path(__file__).parent
EXAMPLE = DOCS.parent / "examples" / "demo"
JOB = "daily-sales"
COMMAND = ("runs", "now", JOB, "--wait", "--poll-interval", "1s")
COLUMNS, LINES = 96, 36
SHOWN_ROOT = "/Workspace/daily-sales"

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE, MARGIN, TITLE_HEIGHT = 8.4, 18, 14, 14, 30
SECONDS_AT_THE_END = 8.0
BACKGROUND, FOREGROUND, DIM = "#161b22", "#d0d7de", "#8b949e"
NAMED_COLORS = {
    "default": FOREGROUND,
    "red": "#ff7b72",
    "green": "#56d364",
    "brown": "#e3b341",
    "blue": "#79c0ff",
}
SGR_DIM = 2
FONTS = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"


@dataclass(frozen=True)
class Piece:
    """A part of a line in one style."""

    column: int
    text: str
    color: str
    is_bold: bool


Line = tuple[Piece, ...]


@dataclass(frozen=True)
class Frame:
    """What the terminal shows from a moment on, in seconds since the start."""

    at: float
    lines: tuple[Line, ...]


def main() -> None:
    """Record the run and draw it."""
    (DOCS / "recording.svg").write_text(draw(record()), encoding="utf-8")


def record() -> list[Frame]:
    """The frames of a run whose check of quality has become stricter since the last good run."""
    pyte.graphics.TEXT[SGR_DIM] = "+italics"  # pyte knows no dim text, and dbjobs has no italics
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "demo"
        shutil.copytree(EXAMPLE, root)
        with Sandbox(root, scenario=read_scenario(str(root / "earlier-runs.yaml"))) as sandbox:
            workspace = {"DATABRICKS_HOST": sandbox.url, "DATABRICKS_TOKEN": sandbox.token}
            api = App(environ=workspace).api
            job_id = int(api.create_job(_settings("job.yaml"))["job_id"])
            api.reset_job(job_id, _settings("fail.yaml"))
            environ = {**workspace, "DBJOBS_THEME": "dark", "HOME": folder, "XDG_CACHE_HOME": folder}
            command = [sys.executable, "-m", "dbjobs", *COMMAND]
            terminal = Terminal(command, columns=COLUMNS, lines=LINES, env=environ)
            terminal.feed(f"$ dbjobs {' '.join(COMMAND)}\r\n")
            clock = SystemClock()
            start = clock.monotonic()
            frames = [Frame(0.0, _lines_of(terminal.screen, root))]
            for _ in terminal.pieces():
                lines = _lines_of(terminal.screen, root)
                if lines != frames[-1].lines:
                    frames.append(Frame(clock.monotonic() - start, lines))
    return frames


def _settings(name: str) -> dict[str, object]:
    body = read_body(str(EXAMPLE / name), None)
    return {"name": JOB, **{key: body[key] for key in body if key != "run_name"}}


def _lines_of(screen: pyte.Screen, root: Path) -> tuple[Line, ...]:
    return tuple(tuple(_pieces_of(screen, row, root)) for row in range(screen.lines))


def _pieces_of(screen: pyte.Screen, row: int, root: Path) -> Iterator[Piece]:
    """The pieces of a line, without the blanks around them."""
    cells = [(column, screen.buffer[row][column]) for column in range(screen.columns)]
    for (color, is_bold, is_dim), group in groupby(
        cells, key=lambda cell: (cell[1].fg, cell[1].bold, cell[1].italics)
    ):
        styled = list(group)
        text = "".join(char.data for _, char in styled)
        if text.strip():
            column = styled[0][0] + len(text) - len(text.lstrip())
            shown = text.strip().replace(str(root), SHOWN_ROOT)
            yield Piece(column, shown, DIM if is_dim else _hex(color), is_bold)


def _hex(color: str) -> str:
    """The color of a cell, which pyte gives by its name or in hexadecimal figures."""
    return NAMED_COLORS.get(color, f"#{color}")


def draw(frames: Sequence[Frame]) -> str:
    """The frames as an SVG that repeats itself; where nothing moves, it shows the last one."""
    total = frames[-1].at + SECONDS_AT_THE_END
    moments: dict[tuple[int, Line], list[int]] = {}
    for number, frame in enumerate(frames):
        for row, line in enumerate(frame.lines):
            if line:
                moments.setdefault((row, line), []).append(number)
    classes: dict[tuple[int, ...], str] = {}
    texts, rules = [], []
    for (row, line), numbers in moments.items():
        key = tuple(numbers)
        if key not in classes:
            classes[key] = f"a{len(classes)}"
            rules.append(_animation(classes[key], numbers, frames, total))
        is_last = numbers[-1] == len(frames) - 1
        texts.append(_text(row, line, classes[key] if is_last else f"h {classes[key]}"))
    width, height = COLUMNS * CELL_WIDTH + 2 * MARGIN, LINES * CELL_HEIGHT + TITLE_HEIGHT + MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">',
            f"<title>dbjobs {' '.join(COMMAND)}: a run is watched, fails, and is explained</title>",
            "<style>",
            f"text{{font:{FONT_SIZE}px {FONTS};fill:{FOREGROUND};white-space:pre}}",
            f".h{{visibility:hidden}}.b{{font-weight:bold}}*{{animation:{total:.2f}s step-end infinite}}",
            "@media (prefers-reduced-motion:reduce){*{animation:none!important}}",
            *rules,
            "</style>",
            f'<rect width="{width:g}" height="{height:g}" rx="8" fill="{BACKGROUND}"/>',
            *(
                f'<circle cx="{20 + 18 * number}" cy="16" r="5" fill="{color}"/>'
                for number, color in enumerate(("#ff5f57", "#febc2e", "#28c840"))
            ),
            *texts,
            "</svg>\n",
        ]
    )


def _animation(name: str, numbers: Sequence[int], frames: Sequence[Frame], total: float) -> str:
    """When the lines of a class are visible: from each first frame of a row of them to the next without."""
    shown = set(numbers)
    steps = []
    was_shown = None
    for number, frame in enumerate(frames):
        if (number in shown) != was_shown:
            was_shown = number in shown
            state = "visible" if was_shown else "hidden"
            steps.append(f"{100 * frame.at / total:.2f}%{{visibility:{state}}}")
    return f"@keyframes {name}{{{''.join(steps)}}}.{name}{{animation-name:{name}}}"


def _text(row: int, line: Line, classes: str) -> str:
    y = TITLE_HEIGHT + (row + 1) * CELL_HEIGHT - 5
    spans = "".join(_span(piece) for piece in line)
    return f'<text y="{y}" class="{classes}">{spans}</text>'


def _span(piece: Piece) -> str:
    color = "" if piece.color == FOREGROUND else f' fill="{piece.color}"'
    bold = ' class="b"' if piece.is_bold else ""
    x, length = MARGIN + piece.column * CELL_WIDTH, len(piece.text) * CELL_WIDTH
    return f'<tspan x="{x:g}" textLength="{length:g}"{color}{bold}>{escape(piece.text, quote=False)}</tspan>'


if __name__ == "__main__":
    main()
