"""Tasks as a tree in the order of their dependencies, and what of it to show where room is short."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest

from dbjobs.api.models import OWN_FAILURES, TaskRun
from dbjobs.api.states import Outcome, Phase
from dbjobs.output.formatting import AnyRun
from dbjobs.output.terminal.style import Glyphs

NARROW = 60
"""In a window of fewer columns than this, blanks and lines make room for words."""

WIDE = 120
"""Off a terminal, trees are as deep as in a window of this width."""


@dataclass(frozen=True)
class Node:
    """A task in the tree. One that waits for several stands under the last of them."""

    task: TaskRun
    parent: int | None
    """its place in the list of nodes; None at the root"""


def grow(tasks: Sequence[TaskRun]) -> list[Node]:
    """Each task once, below a task it depends on and after all of them.

    Expects dependencies before dependents, as `Run.tasks` has them. A task in a circle,
    or one whose dependency is not among the tasks, stands where its known ones allow.
    """
    by_key = {task.task_key: task for task in tasks}
    open_parents = {key: len(_known_parents(task, by_key)) for key, task in by_key.items()}
    starts = [key for key, number in open_parents.items() if number == 0]
    children = _children(by_key)
    nodes: dict[str, Node] = {}
    for start in [*starts, *by_key]:  # the second round finds only what circles have kept out
        _grow_from(start, by_key, children, open_parents, nodes)
    return list(nodes.values())


def _grow_from(
    start: str,
    by_key: dict[str, TaskRun],
    children: dict[str, list[str]],
    open_parents: dict[str, int],
    nodes: dict[str, Node],
) -> None:
    """Place a task, and below it all that waited for nothing else."""
    stack: list[tuple[str, int | None]] = [(start, None)]
    while stack:
        key, parent = stack.pop()
        if key in nodes:
            continue
        place = len(nodes)
        nodes[key] = Node(by_key[key], parent)
        for child in children[key]:
            open_parents[child] -= 1
        stack.extend((child, place) for child in reversed(children[key]) if open_parents[child] <= 0)


def _children(by_key: dict[str, TaskRun]) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {key: [] for key in by_key}
    for key, task in by_key.items():
        for parent in _known_parents(task, by_key):
            children[parent].append(key)
    return children


def _known_parents(task: TaskRun, by_key: dict[str, TaskRun]) -> set[str]:
    return {key for key in task.depends_on if key in by_key and key != task.task_key}


def choose(nodes: Sequence[Node], room: int) -> list[int]:
    """The places of the `room` nodes that matter most, in the tree's order."""
    if len(nodes) <= room:
        return list(range(len(nodes)))
    return sorted(nsmallest(room, range(len(nodes)), key=lambda place: urgency(nodes[place].task)))


def urgency(task: AnyRun) -> int:
    """0 is what a watcher must not miss; finished work that went well is the first to be folded."""
    outcome = task.outcome
    if outcome in OWN_FAILURES:
        return 0
    if outcome is Outcome.SUCCESS:
        return 5
    if outcome:
        return 3
    if task.phase is Phase.ACTIVE:
        return 1
    return 2 if task.life_cycle_state != "BLOCKED" else 4


def draw_guides(nodes: Sequence[Node], places: Sequence[int], glyphs: Glyphs, width: int | None) -> list[str]:
    """The lines that lead to each shown node, through shown ones only; blanks in a narrow window."""
    if width is not None and width < NARROW:
        glyphs = replace(glyphs, branch=" ", last_branch=" ", trunk=" ")
    deepest = max(1, (width or WIDE) // 12)
    levels = _levels(nodes, places)
    guides: list[str] = []
    goes_on: set[int] = set()
    """levels on which another node follows further down"""
    for level in [min(levels[place], deepest) for place in reversed(places)]:
        guides.append(_guide(level, goes_on, glyphs))
        goes_on = {above for above in goes_on if above < level} | {level}
    return guides[::-1]


def _levels(nodes: Sequence[Node], places: Sequence[int]) -> dict[int, int]:
    """How many shown nodes stand above each node."""
    shown = set(places)
    levels: dict[int, int] = {}
    for place, node in enumerate(nodes):
        parent = node.parent
        levels[place] = 0 if parent is None else levels[parent] + (parent in shown)
    return levels


def _guide(level: int, goes_on: set[int], glyphs: Glyphs) -> str:
    if level == 0:
        return ""
    trunks = "".join(
        glyphs.trunk if above in goes_on else " " * len(glyphs.trunk) for above in range(1, level)
    )
    return trunks + (glyphs.branch if level in goes_on else glyphs.last_branch)
