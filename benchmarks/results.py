"""What a run found: kept as JSON, held against the goals and against what an earlier run found."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import environments
from benchmarks.environments import ROOT
from benchmarks.machine import Cores, describe
from benchmarks.runs import Measures
from benchmarks.scenarios import GOALS, Goal

FILE = ROOT / "docs" / "performance.json"
# The short mode fails where a ratio is worse than this share of what is recorded.
TOLERATED = 0.8


@dataclass(frozen=True)
class Outcome:
    """What came of a goal."""

    goal: Goal
    value: float

    @property
    def is_reached(self) -> bool:
        return self.goal.is_reached(self.value)


def value_of(goal: Goal, measures: Measures) -> float | None:
    """Return what came of a goal, None where something it needs was not measured."""
    top = measures.get(goal.top, {}).get(goal.measure)
    if top is None:
        return None
    if not goal.bottom:
        return top
    others = [measures[name][goal.measure] for name in goal.bottom if name in measures]
    return top / max(others) if others else None


def outcomes(measures: Measures) -> Iterator[Outcome]:
    """Yield what came of every goal whose figures are there."""
    for goal in GOALS:
        value = value_of(goal, measures)
        if value is not None:
            yield Outcome(goal, value)


def worse(now: Measures, recorded: Measures) -> Iterator[str]:
    """Yield a sentence for each ratio that is more than a fifth worse than the recorded one.

    Only what is compared with the same servers is held against each other.
    """
    for goal in GOALS:
        there = tuple(name for name in goal.bottom if name in now and name in recorded)
        if not there:
            continue
        same = Goal(goal.text, goal.top, there, goal.measure, goal.least, goal.most)
        value, before = value_of(same, now), value_of(same, recorded)
        if value is None or before is None:
            continue
        is_worse = value < before * TOLERATED if goal.least else value > before / TOLERATED
        if is_worse:
            yield f"{goal.text}: {value:.2f} ×, and {before:.2f} × is recorded"


def make(measures: Measures, cores: Cores, *, rounds: int) -> dict[str, Any]:
    """Return a run as it is kept."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "rounds": rounds,
        "machine": {**describe(cores), "Peers": environments.versions()},
        "measures": {
            key: {name: round(value, 3) for name, value in figures.items()}
            for key, figures in measures.items()
        },
    }


def write(found: dict[str, Any], path: Path = FILE) -> None:
    """Keep a run."""
    path.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def read(path: Path = FILE) -> dict[str, Any]:
    """Return the run that is kept.

    Raises:
        FileNotFoundError: there is none yet.
    """
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found
