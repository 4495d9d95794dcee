"""The tree of tasks as lines of the live view, folded to the room there is."""

from dataclasses import replace

from rich.text import Text

from dbjobs.models import Run, TaskRun
from dbjobs.render import tree
from dbjobs.render.frame import Frame
from dbjobs.render.grid import Column
from dbjobs.render.looks import Dress

COLUMNS = (
    Column(is_whole=True),
    Column(gap=1),
    Column(is_whole=True),
    Column(is_whole=True, is_right=True),
    Column(is_optional=True),
)
"""Symbol, task, state, duration, and what else there is to say."""


def draw_tasks(run: Run, frame: Frame, room: int) -> list[Text]:
    """A line a task in the order of dependencies, at most `room` lines; what is folded is counted."""
    nodes = tree.grow(run.tasks)
    is_folded = len(nodes) > room
    places = tree.choose(nodes, max(0, room - is_folded))
    tasks = [nodes[place].task for place in places]
    guides = tree.draw_guides(nodes, places, _guide_dress(frame), deepest=max(1, frame.width // 12))
    lines = frame.rows(COLUMNS, [_row(task, guide, frame) for task, guide in zip(tasks, guides, strict=True)])
    if frame.is_narrow:
        lines = _with_details(tasks, lines, frame, room - is_folded)
    if is_folded:
        shown = set(places)
        rest = [node.task.shown_state for place, node in enumerate(nodes) if place not in shown]
        lines.append(frame.fold(rest))
    return lines[:room]


def _guide_dress(frame: Frame) -> Dress:
    """In a narrow window a blank a level has to do."""
    if not frame.is_narrow:
        return frame.dress
    return replace(frame.dress, branch=" ", last_branch=" ", trunk=" ")


def _row(task: TaskRun, guide: str, frame: Frame) -> list[Text]:
    details = Text() if frame.is_narrow else frame.details(task)
    return [frame.symbol(task), frame.name(task, guide), frame.state(task), frame.duration(task), details]


def _with_details(tasks: list[TaskRun], lines: list[Text], frame: Frame, room: int) -> list[Text]:
    """Where no column is left for them, details go below the tasks that matter most, while there is room."""
    said = [place for place, task in enumerate(tasks) if not task.is_ended or tree.urgency(task) == 0]
    said = [place for place in said if frame.details(tasks[place]).plain]
    most_urgent = sorted(said, key=lambda place: tree.urgency(tasks[place]))
    chosen = set(most_urgent[: max(0, room - len(lines))])
    stacked: list[Text] = []
    for place, (task, line) in enumerate(zip(tasks, lines, strict=True)):
        stacked.append(line)
        if place in chosen:
            stacked.append(frame.trim(Text.assemble("    ", frame.details(task))))
    return stacked
