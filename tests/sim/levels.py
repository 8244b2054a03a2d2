"""Levels of simulation: which schedules are played, and what is counted of them."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.sim.scenario import Scenario, scenario
from tests.sim.shrink import shrink, table
from tests.sim.simulate import Outcome, simulate
from tests.sim.world import Engine

SEEDS = Path(__file__).parent / "seeds.txt"
ROOT = Path(__file__).parents[2]
SIMULATED = ("pipelines/state", "pipelines/planning", "pipelines/delivery", "pipelines/run.py", "pipelines/sync.py",
             "pipelines/reconcile.py", "tests/sim")
"""What a schedule drives, and itself."""


@dataclass
class Figures:
    """What one level did."""

    schedules: int = 0
    runs: int = 0
    crashes: int = 0
    points: int = 0
    violations: int = 0
    seconds: float = 0.0
    coverage: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        self.schedules += 1
        self.runs += outcome.schedule.runs
        self.crashes += outcome.schedule.crashes
        self.points += outcome.schedule.points
        self.violations += bool(outcome.violation)
        self.coverage.update(outcome.schedule.world.coverage)

    def __str__(self) -> str:
        return (f"{self.schedules:,} schedules, {self.runs:,} runs, {self.points:,} points, {self.crashes:,} crashes, "
                f"{self.violations:,} violations, {self.seconds:.0f} s")


FIGURES: dict[str, Figures] = {}
"""Level → what it did."""


NOTICED: dict[str, int | str] = {}
"""Mutant → the seed that gave it away."""


def report() -> list[str]:
    """The figures of all levels, line by line."""
    lines = [f"{level}: {figures}" for level, figures in FIGURES.items()]
    seeds = ", ".join(f"{name} {seed}" for name, seed in NOTICED.items())
    return [*lines, f"mutants noticed at seed: {seeds}"] if NOTICED else lines


def pinned() -> Iterator[Scenario]:
    """The schedules of seeds.txt."""
    for line in SEEDS.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            seed, kind, swarm, *kin = (None if word == "-" else word for word in line.split())
            yield scenario(int(seed or 0), kind, swarm, kin=bool(kin))


def fresh() -> Iterator[int]:
    """Seeds that belong to the code as it is: any change of it brings others, and the same code meets the same ones
    everywhere, so what fails once fails until it is mended."""
    said = hashlib.sha256()
    for place in SIMULATED:
        for file in sorted((ROOT / place).rglob("*.py")) or [ROOT / place]:
            said.update(file.read_bytes())
    return count(1_000_000 + int(said.hexdigest()[:7], 16))


def until(seconds: float, seeds: Iterable[int] | None = None) -> Iterator[Scenario]:
    """Schedules for so long."""
    end = time.monotonic() + seconds
    for seed in seeds if seeds is not None else count():
        if time.monotonic() > end:
            return
        yield scenario(seed)


def play(
    level: str, scenarios: Iterable[Scenario], engine: Callable[[], Engine] | None = None, *, pin: bool = False
) -> Figures:
    """Play schedules; the first that fails is shrunk, shown with its line of seeds.txt and, with `pin`, added there."""
    figures = FIGURES.setdefault(level, Figures())
    begun = time.monotonic()
    for drawn in scenarios:
        line = f"{drawn.seed} {drawn.kind} {drawn.swarm}{' kin' * drawn.kin}"
        try:
            outcome = simulate(drawn, engine)
        except Exception as error:
            error.add_note(f"in the schedule {line}")
            raise
        figures.add(outcome)
        figures.seconds = time.monotonic() - begun
        if outcome.violation:
            if pin:
                with SEEDS.open("a", encoding="utf-8") as file:
                    file.write(f"{line}\n")
            small = shrink(outcome, lambda smaller: simulate(smaller, engine))
            raise AssertionError(f"in the schedule {line}:\n{table(small)}")
    return figures
