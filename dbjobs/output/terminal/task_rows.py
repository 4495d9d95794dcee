"""The tree of tasks as lines of the live view, folded to the room there is."""

from rich.text import Text

from dbjobs.api.models import OWN_FAILURES, TaskRun
from dbjobs.output.terminal import tree
from dbjobs.output.terminal.frame import INDENT, Frame
from dbjobs.output.terminal.grid import Column
from dbjobs.runs.watching import WatchedRun

COLUMNS = (
    Column(is_whole=True),
    Column(gap=1),
    Column(is_whole=True),
    Column(is_whole=True, is_right=True),
    Column(is_optional=True),
)
"""Symbol, task, state, duration, and what else there is to say."""


def draw_tasks(watched: WatchedRun, frame: Frame, room: int) -> list[Text]:
    """A line a task in the order of dependencies, at most `room` lines; what is folded is counted."""
    nodes = tree.grow(watched.run.tasks) if watched.run else []
    is_folded = len(nodes) > room
    places = tree.choose(nodes, max(0, room - is_folded))
    guides = tree.draw_guides(nodes, places, frame.glyphs, frame.width)
    tasks = [nodes[place].task for place in places]
    details = [frame.details(task, watched.children.get(task.task_key)) for task in tasks]
    lines = frame.rows(COLUMNS, [_row(*row, frame) for row in zip(tasks, guides, details, strict=True)])
    if frame.is_narrow:
        lines = _stack_details(tasks, lines, details, frame, room - is_folded)
    if is_folded:
        shown = set(places)
        lines.append(frame.fold([n.task.shown_state for place, n in enumerate(nodes) if place not in shown]))
    return lines[:room]


def _row(task: TaskRun, guide: str, details: Text, frame: Frame) -> list[Text]:
    name, state, duration = frame.name(task, guide), frame.state(task), frame.duration(task)
    return [frame.symbol(task), name, state, duration, Text() if frame.is_narrow else details]


def _stack_details(
    tasks: list[TaskRun], lines: list[Text], details: list[Text], frame: Frame, room: int
) -> list[Text]:
    """Where no column is left for them, details go below the tasks that matter most, while there is room."""
    said = [place for place, task in enumerate(tasks) if details[place].plain and not _is_over(task)]
    said.sort(key=lambda place: tree.urgency(tasks[place]))
    chosen = set(said[: max(0, room - len(lines))])
    stacked: list[Text] = []
    for place, line in enumerate(lines):
        below = [frame.trim(Text.assemble(INDENT * 2, details[place]))] if place in chosen else []
        stacked += [line, *below]
    return stacked


def _is_over(task: TaskRun) -> bool:
    """True if it has ended without a failure of its own."""
    return task.is_ended and task.outcome not in OWN_FAILURES
