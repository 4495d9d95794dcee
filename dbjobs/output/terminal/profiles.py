"""What `dbjobs profiles` shows: profiles, settings with their sources, and the steps of a check."""

from collections.abc import Sequence

from rich.text import Text

from dbjobs.http.response import Payload
from dbjobs.output.streams import Streams
from dbjobs.output.terminal.grid import GAP, Column, lay_out, lay_out_table
from dbjobs.output.terminal.screen import to_text, width_of
from dbjobs.output.terminal.style import StateStyle, glyphs_for

STEP_WIDTH = 11
"""Cells; the longest name of a step has as many."""

STEP_STYLES = {"passed": StateStyle.GOOD, "doubtful": StateStyle.MIXED, "failed": StateStyle.FAILED}


def show_profiles(streams: Streams, profiles: Sequence[Payload]) -> None:
    """A line a profile; the default is starred."""
    columns = [
        Column(" ", is_whole=True),
        Column("NAME", is_whole=True, gap=1),
        Column("HOST", is_whole=True),
        Column("AUTH", is_whole=True),
        Column("FILE", is_optional=True),
    ]
    rows = [
        ["*" if one["default"] else " ", *(one[key] or "-" for key in ("name", "host", "auth_type", "file"))]
        for one in map(_with_workspace, profiles)
    ]
    _show_table(streams, columns, rows)


def _with_workspace(profile: Payload) -> Payload:
    """Its host as a browser shows it, if that serves several workspaces."""
    workspace_id = profile["workspace_id"]
    return profile | ({"host": f"{profile['host']}/?w={workspace_id}"} if workspace_id else {})


def show_settings(streams: Streams, settings: Sequence[Sequence[str]]) -> None:
    """A line a setting: its name, its value, where it came from; where that does not fit, below it."""
    columns = [Column(title, is_whole=True) for title in ("SETTING", "VALUE", "SOURCE")]
    width = width_of(streams, streams.out)
    widest = [max(len(cell) for cell in column) for column in zip(*settings, strict=True)]
    if width is None or sum(widest) + GAP * (len(widest) - 1) <= width:
        _show_table(streams, columns, settings)
    else:
        glyphs = glyphs_for(streams.out)
        for name, value, source in settings:
            _show(streams, [Text(glyphs.line(f"{name}: {value}")), Text(f"  {glyphs.line(source)}")])


def show_step(streams: Streams, step: Payload) -> None:
    """A line a step; what is wrong is told at the end, once."""
    glyphs, style = glyphs_for(streams.out), STEP_STYLES[step["outcome"]]
    symbol = Text(style.symbol_in(glyphs), style.style)
    name = Text(f"{step['step']:<{STEP_WIDTH}}")
    finding = Text("failed" if style is StateStyle.FAILED else glyphs.line(step["finding"]))
    columns = [Column(is_whole=True, gap=1)] * 3
    _show(streams, lay_out(columns, [[symbol, name, finding]], width=None, glyphs=glyphs))


def _show_table(streams: Streams, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    glyphs = glyphs_for(streams.out)
    texts = [[Text(glyphs.line(cell)) if cell.strip() else Text(cell) for cell in row] for row in rows]
    _show(streams, lay_out_table(columns, texts, width=width_of(streams, streams.out), glyphs=glyphs))


def _show(streams: Streams, lines: Sequence[Text]) -> None:
    streams.result(to_text(streams, streams.out, Text("\n").join(lines)))
