"""Past runs of a job, as a scenario describes them: the engine runs them with a clock that does not wait."""

from __future__ import annotations

import math
import random
import time
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbjobs.sandbox.agenda import Agenda
from dbjobs.sandbox.engine import Engine
from dbjobs.sandbox.model import NO_CLUSTER, JobRun, new_id, task_type
from dbjobs.sandbox.scenario import Occasion, PastTaskOutcome, Scenario
from dbjobs.sandbox.tasks import Condition, Forced, ForEach

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dbjobs.sandbox.execution import Execution
    from dbjobs.sandbox.model import Job, TaskAttempt
    from dbjobs.sandbox.runner import Runner
    from dbjobs.sandbox.scenario import Rule, WhenTask

SHORTEST_TASK, LONGEST_TASK = 20.0, 300.0
SHORTEST_SETUP, LONGEST_SETUP = 10.0, 40.0
"""Seconds that a task usually takes, unless a rule says how long."""


class _Clock:
    """Epoch seconds that pass only when they are set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(eq=False)
class _PastTasks(Scenario):
    """The outcomes of the attempts of past runs, one run after the other."""

    rules: Sequence[Rule[WhenTask, PastTaskOutcome]] = ()
    instant: frozenset[str] = frozenset()
    """the keys of tasks that need no cluster"""
    draw: Callable[[], float] = float
    """how many times as long as usual something takes"""
    pace: float = 1.0
    """what usual durations are multiplied by, so that a run ends before its job's time limit"""
    run_number: int = 0
    """of the run that is being made, from 1"""

    def task_outcome(self, occasion: Occasion, now: float) -> PastTaskOutcome:
        """The outcome of an attempt, with its set-up and its duration."""
        fitting = (
            rule.then
            for rule in self.rules
            if rule.when.matches(occasion) and rule.when.counts(self.run_number)
        )
        outcome = next(fitting, PastTaskOutcome())
        usual_setup, usual = _usual_seconds(occasion.task)
        setup = outcome.setup if outcome.setup is not None else usual_setup * self.pace * self.draw()
        lasts = (outcome.lasts or usual * self.pace) * outcome.times * self.draw()
        return replace(outcome, setup=None if occasion.task in self.instant else setup, lasts=lasts)


def make_past_runs(scenario: Scenario, runner: Runner, job: Job) -> list[JobRun]:
    """The runs that the job has had in a workspace with this scenario, up to now; the oldest first."""
    now = time.time()
    generator = random.Random(job.name)  # noqa: S311 - the same for each sandbox
    clock = _Clock()
    agenda = Agenda(clock)
    in_sequence = sum(sum(_usual_seconds(task["task_key"])) for task in job.settings["tasks"])
    limit = job.settings.get("timeout_seconds") or math.inf
    past = _PastTasks(
        pace=min(1.0, limit / (2 * in_sequence)),
        rules=scenario.past_tasks,
        instant=frozenset(
            task["task_key"] for task in job.settings["tasks"] if task_type(task) in NO_CLUSTER
        ),
        draw=lambda: generator.lognormvariate(0.0, scenario.past_spread),
    )
    engine = Engine(agenda, runner, _execution_of, scenario=past)
    runs = []
    for number in range(1, scenario.past_runs + 1):
        past.run_number = number
        clock.seconds = now - scenario.past_interval * (scenario.past_runs + 1 - number)
        run = JobRun(new_id(), job.job_id, 0, job.settings, job.name, start_time=engine.now())
        run.job, run.job_parameters, run.trigger = job, job.parameters, "PERIODIC"
        with agenda.lock:
            engine.start_or_queue(run, may_queue=False)
        while not run.is_terminal and (wait := agenda.run_due()) is not None:
            clock.seconds += wait
        if run.is_terminal and run.end_time <= now * 1000:
            runs.append(run)
    return runs


def _usual_seconds(task_key: str) -> tuple[float, float]:
    """Set-up and execution: different for each key, and always the same for one."""
    shares = random.Random(zlib.crc32(task_key.encode()))  # noqa: S311
    setup = SHORTEST_SETUP * (LONGEST_SETUP / SHORTEST_SETUP) ** shares.random()
    return setup, SHORTEST_TASK * (LONGEST_TASK / SHORTEST_TASK) ** shares.random()


def _execution_of(attempt: TaskAttempt, engine: Engine) -> Execution:
    """Nothing is run: an attempt lasts as long as it should, and ends as the rules say."""
    outcome = attempt.forced
    assert isinstance(outcome, PastTaskOutcome)  # noqa: S101 - `_PastTasks` gives no other
    if attempt.type == "condition_task":
        return Condition(attempt, engine)
    if attempt.type == "for_each_task" and not outcome.is_ending:
        return ForEach(attempt, engine)
    return Forced(attempt, engine, outcome)
