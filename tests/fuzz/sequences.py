"""What a seed stands for: a command, a workspace, faults, streams and a signal."""

import json
import math
import random
import signal
from dataclasses import dataclass, replace
from itertools import groupby

from tests.fuzz.faults import BUSY, CONNECT, CUT, FAULTS, GARBLED, PROXY, REFUSAL, TURNED_AWAY, Step
from tests.fuzz.histories import JOB_ID
from tests.fuzz.server import SignalPlan
from tests.fuzz.workspace import JOB_SETTINGS

BEGINS_AT = 100_000.0
"""Of the clock, in seconds: so that runs can be older than the sequence."""

STREAMS = ("pipe", "closed", "full", "broken", "left")
"""What a standard stream is connected to; `broken`: its reader has left, `left`: after the first line."""


@dataclass(frozen=True)
class Given:
    """A run that is there before the command."""

    run_id: int
    age: float
    seed: int


@dataclass(frozen=True)
class Sequence:
    """All that decides what happens."""

    seed: int
    kind: str
    arguments: tuple[str, ...]
    reads: tuple[Step, ...] = ()
    changes: tuple[Step, ...] = ()
    runs: tuple[Given, ...] = ()
    invisible_for: float = 0.0
    stdin: str = "pipe"
    stdout: str = "pipe"
    stderr: str = "pipe"
    signal: SignalPlan | None = None
    is_tls: bool = False
    is_real_time: bool = False
    waits: bool = False
    timeout: float = math.inf
    max_outage: float = 600.0
    days: int = 0
    """sets of a backfill"""
    earlier: int = 0
    """how many of them, from the first one, an earlier call has started"""

    @property
    def most_repairs(self) -> int:
        """How often a run is repaired at most: by the command itself, and by --repair."""
        by_itself = self.kind == "runs repair" or self.has("--rerun-failed")
        return by_itself + int(self.value_of("--repair") or 0)

    def has(self, option: str) -> bool:
        return option in self.arguments

    def value_of(self, option: str) -> str | None:
        """What stands behind an option."""
        return self.arguments[self.arguments.index(option) + 1] if option in self.arguments else None

    @property
    def description(self) -> str:
        """For people: the command line, and what is unusual about its surroundings."""
        parts = [f"dbjobs {' '.join(self.arguments)}"]
        for name in ("reads", "changes"):
            steps = [
                said + (f" ({number} times)" if (number := len([*same])) > 1 else "")
                for said, same in groupby(map(_say_step, getattr(self, name)))
            ]
            parts += [f"  {name}: {', '.join(steps)}"] if steps else []
        streams = {name: getattr(self, name) for name in ("stdin", "stdout", "stderr")}
        parts += [f"  {name} is {kind}" for name, kind in streams.items() if kind != "pipe"]
        parts += [f"  {self.signal}"] if self.signal else []
        parts += ["  over TLS"] if self.is_tls else []
        parts += ["  in real time"] if self.is_real_time else []
        parts += [f"  runs that are there: {self.runs}"] if self.runs else []
        parts += [f"  sets that an earlier call has started: {self.earlier}"] if self.earlier else []
        parts += [f"  new runs are invisible for {self.invisible_for} s"] if self.invisible_for else []
        return "\n".join(parts)


def _say_step(step: Step) -> str:
    latency = f" after {step.latency:g} s" if step.latency > 1 else ""
    return (f"{step.fault}{'' if step.has_effect else ' (no effect)'}" if step.fault else "-") + latency


@dataclass
class _Dice:
    random: random.Random

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def steps(self, density: float, most: int) -> tuple[Step, ...]:
        """Faults of a character: a bad minute of anything, one fault again and again, or a mix of few."""
        dice = self.random
        if self.chance(0.25):
            return ()
        kinds = [CONNECT, CUT, CUT, GARBLED, GARBLED, BUSY, TURNED_AWAY]
        kinds += [REFUSAL, PROXY] if self.chance(0.4) else []
        names = [fault.name for fault in FAULTS.values() if fault.kind in kinds]
        if self.chance(0.5):
            names = dice.sample(names, dice.choice([1, 2, 4]))
        first = dice.choice([0, 0, 0, 1, 2, 5])
        number = dice.choice([1, 2, 4, 8, most])
        steps = [Step(latency=self.latency()) for _ in range(first)]
        for _ in range(number):
            fault = dice.choice(names) if self.chance(density) else None
            steps.append(Step(fault, self.chance(0.6), self.latency(), dice.randrange(10**6)))
        if self.chance(0.1):  # without end, as far as a command may notice
            steps += [steps[-1]] * 150
        return tuple(steps)

    def latency(self) -> float:
        return self.random.choice([0.0, 0.0, 0.0, 0.05, 0.4, 3.0, 20.0])

    def wait_options(self) -> list[str]:
        dice = self.random
        options: list[str] = []
        choices: dict[str, tuple[float, list[str]]] = {
            "--timeout": (0.35, ["5s", "20s", "60s", "10m"]),
            "--max-outage": (0.3, ["10s", "60s", "5m"]),
            "--on-interrupt": (0.2, ["cancel", "detach"]),
            "--progress": (0.3, ["none", "lines", "events"]),
            "--show-output": (0.5, ["none", "all"]),
            "--poll-interval": (0.1, ["1s", "30s"]),
        }
        for option, (share, values) in choices.items():
            if self.chance(share):
                options += [option, dice.choice(values)]
        if "--timeout" in options and self.chance(0.4):
            options += ["--on-timeout", dice.choice(["cancel", "detach"])]
        if self.chance(0.3):
            options += ["--repair", dice.choice(["1", "2", "3"])]
            options += ["--repair-on", "any"] if self.chance(0.5) else []
        options += [flag for flag in ("--fail-fast", "--strict") if self.chance(0.07)]
        return options

    def output_options(self) -> list[str]:
        options = ["-o", self.random.choice(["json", "jsonl", "id", "yaml"])] if self.chance(0.15) else []
        return options + (["-q"] if self.chance(0.08) else [])

    def given(self, number: int) -> tuple[Given, ...]:
        dice = self.random
        ages = [0.0, 1.0, 100.0, 4000.0]
        return tuple(
            Given(7_000_000_000_001 + 11 * index, dice.choice(ages), dice.randrange(10**6))
            for index in range(number)
        )

    def ended(self, number: int) -> tuple[Given, ...]:
        """Runs that have ended for good."""
        return tuple(replace(given, age=50_000.0) for given in self.given(number))


def make_sequence(seed: int, kind: str | None = None) -> Sequence:
    """The sequence that the seed stands for, of any kind unless one is given."""
    dice = _Dice(random.Random(seed))
    kinds = list(_MAKERS)
    kind = kind or dice.random.choices(kinds, [_MAKERS[name][0] for name in kinds])[0]
    sequence = _MAKERS[kind][1](dice, Sequence(seed, kind, ()))
    sequence = replace(
        sequence,
        reads=dice.steps(dice.random.choice([0.2, 0.5, 1.0]), 25),
        changes=dice.steps(dice.random.choice([0.5, 1.0]), 10),
        is_tls=dice.chance(0.15),
        invisible_for=dice.random.choice([0.0, 0.0, 0.0, 4.0, 20.0]),
    )
    sequence = _with_limits(sequence)
    if dice.chance(0.15):
        sequence = replace(sequence, signal=_make_signal(dice))
    if dice.chance(0.15):
        sequence = _with_bad_streams(dice, sequence)
    return sequence


def _with_limits(sequence: Sequence) -> Sequence:
    units = {"s": 1, "m": 60}
    limits = {}
    for option, name in (("--timeout", "timeout"), ("--max-outage", "max_outage")):
        if text := sequence.value_of(option):
            limits[name] = float(text[:-1]) * units[text[-1]]
    return replace(
        sequence, timeout=limits.get("timeout", math.inf), max_outage=limits.get("max_outage", 600.0)
    )


def _make_signal(dice: _Dice) -> SignalPlan:
    number = dice.random.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    repeats = dice.random.choice([1, 1, 1, 2])
    if dice.chance(0.4):
        return SignalPlan(
            number, at=BEGINS_AT + dice.random.choice([0.01, 1.0, 4.0, 30.0, 300.0]) * dice.random.random()
        )
    stage = dice.random.choice(["arrived", "done", "answered"])
    return SignalPlan(number, request=dice.random.choice([1, 1, 2, 3, 5, 9]), stage=stage, repeats=repeats)


def _with_bad_streams(dice: _Dice, sequence: Sequence) -> Sequence:
    which = dice.random.choice(
        [("stdout",), ("stderr",), ("stdout", "stderr"), ("stdin",), ("stdin", "stdout", "stderr")]
    )
    for name in which:
        kind = "closed" if name == "stdin" else dice.random.choice(STREAMS)
        sequence = replace(sequence, **{name: kind})  # type: ignore[arg-type]  # each is a text
    return sequence


def _now(dice: _Dice, sequence: Sequence) -> Sequence:
    return _start(dice, sequence, ["runs", "now", str(JOB_ID)])


def _submit(dice: _Dice, sequence: Sequence) -> Sequence:
    body = {"run_name": "once", "tasks": [{**JOB_SETTINGS["tasks"][0], "existing_cluster_id": "1-2-3"}]}
    return _start(dice, sequence, ["runs", "submit", "--json", json.dumps(body)])


def _start(dice: _Dice, sequence: Sequence, words: list[str]) -> Sequence:
    waits = dice.chance(0.65)
    words += ["--wait", *dice.wait_options()] if waits else []
    words += ["--idempotency-token", "given-token"] if dice.chance(0.1) else []
    return replace(sequence, arguments=(*words, *dice.output_options()), waits=waits)


def _wait_one(dice: _Dice, sequence: Sequence) -> Sequence:
    return _wait(dice, sequence, 1)


def _wait_many(dice: _Dice, sequence: Sequence) -> Sequence:
    return _wait(dice, sequence, dice.random.choice([2, 3, 4, 8, 30]))


def _wait(dice: _Dice, sequence: Sequence, number: int) -> Sequence:
    runs = dice.given(number)
    words = ["runs", "wait", *(str(run.run_id) for run in runs), *dice.wait_options(), *dice.output_options()]
    return replace(sequence, arguments=tuple(words), runs=runs, waits=True)


def _cancel(dice: _Dice, sequence: Sequence) -> Sequence:
    runs, waits = dice.given(dice.random.choice([1, 1, 2, 5])), dice.chance(0.4)
    words = ["runs", "cancel", *(str(run.run_id) for run in runs), *(["--wait"] if waits else [])]
    return replace(sequence, arguments=(*words, *dice.output_options()), runs=runs, waits=waits)


def _cancel_all(dice: _Dice, sequence: Sequence) -> Sequence:
    whose = dice.random.choice([str(JOB_ID), "--all-queued"])
    words = ("runs", "cancel-all", whose, "--yes", *dice.output_options())
    return replace(sequence, arguments=words, runs=dice.given(2))


def _delete_runs(dice: _Dice, sequence: Sequence) -> Sequence:
    runs = dice.ended(dice.random.choice([1, 1, 2, 5]))
    words = ("runs", "delete", *(str(run.run_id) for run in runs), "--yes", *dice.output_options())
    return replace(sequence, arguments=words, runs=runs)


def _repair(dice: _Dice, sequence: Sequence) -> Sequence:
    runs, waits = dice.ended(1), dice.chance(0.6)
    words = ["runs", "repair", str(runs[0].run_id), *(["--wait", *dice.wait_options()] if waits else [])]
    return replace(sequence, arguments=(*words, *dice.output_options()), runs=runs, waits=waits)


def _create(dice: _Dice, sequence: Sequence) -> Sequence:
    return replace(sequence, arguments=("jobs", "create", "--json", _settings(), *dice.output_options()))


def _reset(dice: _Dice, sequence: Sequence) -> Sequence:
    words = ("jobs", "reset", str(JOB_ID), "--json", _settings(), "--yes", *dice.output_options())
    return replace(sequence, arguments=words)


def _update(dice: _Dice, sequence: Sequence) -> Sequence:
    words = ("jobs", "update", str(JOB_ID), "--set", "max_concurrent_runs=7", *dice.output_options())
    return replace(sequence, arguments=words)


def _delete_jobs(dice: _Dice, sequence: Sequence) -> Sequence:
    jobs = [str(JOB_ID + index) for index in range(dice.random.choice([1, 1, 3]))]
    return replace(sequence, arguments=("jobs", "delete", *jobs, "--yes", *dice.output_options()))


def _backfill(dice: _Dice, sequence: Sequence) -> Sequence:
    days = dice.random.choice([1, 2, 5, 12])
    words = ["runs", "backfill", str(JOB_ID), "--days", f"2026-01-01..2026-01-{days:02}", "--as", "day"]
    words += ["--max-parallel", dice.random.choice(["1", "4", "20"])] if dice.chance(0.5) else []
    earlier = dice.random.randint(0, days) if dice.chance(0.5) else 0
    words += [dice.random.choice(["--rerun-failed", "--skip-existing"])] if dice.chance(0.6) else []
    words += [*dice.wait_options(), *dice.output_options()]
    return replace(sequence, arguments=tuple(words), waits=True, days=days, earlier=earlier)


def _settings() -> str:
    task = {**JOB_SETTINGS["tasks"][0], "existing_cluster_id": "1-2-3"}
    return json.dumps({**JOB_SETTINGS, "tasks": [task], "max_concurrent_runs": 5})


_MAKERS = {
    "runs now": (20, _now),
    "runs submit": (8, _submit),
    "runs wait, one": (16, _wait_one),
    "runs wait, many": (10, _wait_many),
    "runs cancel": (8, _cancel),
    "runs cancel-all": (3, _cancel_all),
    "runs delete": (5, _delete_runs),
    "runs repair": (8, _repair),
    "jobs create": (4, _create),
    "jobs reset": (3, _reset),
    "jobs update": (4, _update),
    "jobs delete": (3, _delete_jobs),
    "backfill": (8, _backfill),
}
"""By kind: its share, and what makes one."""
KINDS = tuple(_MAKERS)
