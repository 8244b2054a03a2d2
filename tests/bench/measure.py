"""Measure things in turn, and say what came of it in one line each."""

from __future__ import annotations

import math
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """Medians of one job over all rounds, in seconds."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    what: str
    figure: float
    unit: str
    """What the figure counts, such as `× limit`."""
    target: str = ""
    """`≤ 2.5` or `≥ 80`; empty where a figure is only shown."""
    detail: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the figure meets its target; None without one."""
        if not self.target:
            return None
        sign, number = self.target.split()
        return self.figure <= float(number) if sign == "≤" else self.figure >= float(number)

    def __str__(self) -> str:
        mark = {True: "✓", False: "✗", None: " "}[self.met]
        return f"{mark} {self.what:<52} {self.figure:>9,.2f} {self.unit:<14} {self.target:<6}  {self.detail}"


def in_turn(rounds: int, before: Callable[[], object] = int, **jobs: Callable[[], object]) -> dict[str, Sample]:
    """Run all jobs once a round, after one round that is not counted; threads and child processes count as CPU.

    `before` is done before each job and not timed.
    """
    walls: dict[str, list[float]] = {name: [] for name in jobs}
    cpus: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(rounds + 1):
        for name, job in jobs.items():
            before()
            wall, cpu = time.perf_counter(), _cpu()
            job()
            if number:
                walls[name].append(time.perf_counter() - wall)
                cpus[name].append(_cpu() - cpu)
    return {name: Sample(statistics.median(walls[name]), statistics.median(cpus[name])) for name in jobs}


def peak() -> float:
    """Most memory that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def share(part: float, whole: float) -> float:
    """Per cent."""
    return 100 * part / whole if whole else math.nan


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
