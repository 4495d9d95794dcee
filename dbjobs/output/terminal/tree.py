"""Tasks as a tree in the order of their dependencies, and which of them to show where lines are few."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest

from dbjobs.api.models import OWN_FAILURES, TaskRun
from dbjobs.api.states import Outcome, Phase
from dbjobs.output.formatting import AnyRun
from dbjobs.output.terminal.layout import NARROW_WIDTH
from dbjobs.output.terminal.style import Glyphs

UNCUT_TREE_WIDTH = 120
"""Off a terminal, trees are as deep as in a window of this width."""


@dataclass(frozen=True)
class TreeNode:
    """A task in the tree. One that waits for several tasks is below the last of them."""

    task: TaskRun
    parent: int | None
    """its index in the list of nodes; None at the root"""


def build_tree(tasks: Sequence[TaskRun]) -> list[TreeNode]:
    """Each task once, below a task it depends on and after all of them.

    Expects dependencies before dependents, as `Run.tasks` has them. Cycles, and dependencies
    that are not among the tasks, are tolerated.
    """
    by_key = {task.task_key: task for task in tasks}
    children: dict[str, list[str]] = {key: [] for key in by_key}
    open_parents: dict[str, int] = {}
    for key, task in by_key.items():
        parents = {parent for parent in task.depends_on if parent in by_key and parent != key}
        open_parents[key] = len(parents)
        for parent in parents:
            children[parent].append(key)
    roots = [key for key, number in open_parents.items() if number == 0]
    nodes: dict[str, TreeNode] = {}
    for start in [*roots, *by_key]:  # the second time round finds only what is in a cycle, or after one
        stack: list[tuple[str, int | None]] = [(start, None)]
        while stack:
            key, index = stack.pop()
            if key in nodes:
                continue
            own_index = len(nodes)
            nodes[key] = TreeNode(by_key[key], index)
            for child in children[key]:
                open_parents[child] -= 1
            stack += [(child, own_index) for child in reversed(children[key]) if open_parents[child] <= 0]
    return list(nodes.values())


def most_urgent(urgencies: Sequence[int], number: int) -> list[int]:
    """The indexes of the `number` most urgent items, in the order given."""
    if len(urgencies) <= number:
        return list(range(len(urgencies)))
    return sorted(nsmallest(number, range(len(urgencies)), key=urgencies.__getitem__))


def urgency(run: AnyRun) -> int:
    """0 is what a watcher must not miss; finished work that went well is the first to be left out."""
    outcome = run.outcome
    if outcome in OWN_FAILURES:
        return 0
    if outcome is Outcome.SUCCESS:
        return 5
    if outcome:
        return 3
    if run.phase is Phase.ACTIVE:
        return 1
    return 2 if run.life_cycle_state != "BLOCKED" else 4


def draw_guides(
    nodes: Sequence[TreeNode], indexes: Sequence[int], glyphs: Glyphs, width: int | None
) -> list[str]:
    """The tree lines before each shown node, through shown ones only; blanks in a narrow window."""
    if width is not None and width < NARROW_WIDTH:
        glyphs = replace(glyphs, branch=" ", last_branch=" ", trunk=" ")
    shown = set(indexes)
    depths: list[int] = []  # how many shown nodes are above each node
    for node in nodes:
        depths.append(0 if node.parent is None else depths[node.parent] + (node.parent in shown))
    max_depth = max(1, (width or UNCUT_TREE_WIDTH) // 12)
    guides: list[str] = []
    continued: set[int] = set()  # depths at which another node follows further down
    for index in reversed(indexes):
        depth = min(depths[index], max_depth)
        blank = " " * len(glyphs.trunk)
        trunks = "".join(glyphs.trunk if above in continued else blank for above in range(1, depth))
        branch = glyphs.branch if depth in continued else glyphs.last_branch
        guides.append(trunks + branch if depth else "")
        continued = {above for above in continued if above < depth} | {depth}
    return guides[::-1]
