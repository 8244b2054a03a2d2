"""How old the look at suppressions is when a request leaves: whoever is suppressed within that time is still told."""

from __future__ import annotations

import time
from bisect import bisect
from pathlib import Path
from typing import Any

import pytest

from destinations.protocol import Limits
from pipelines.delivery import deliver
from tests.bench.channel import listening
from tests.bench.measure import Line
from tests.bench.sending import LATENCY, Planned

FEW = 25
"""Of the members, one in so many is sent where a request takes one."""


def sparing(folder: Path, size: int, rounds: int) -> list[Line]:
    """Seconds from the look to the request, of the 99th in a hundred requests."""
    lines = []
    for rows, count in ((500, size), (1, size // FEW)):
        ages: list[float] = []
        with listening(LATENCY) as url, pytest.MonkeyPatch.context() as patch:
            planned, looks, read = Planned(folder / f"sparing{rows}", count, Limits(rows=rows), url), [], deliver._read

            def look(*known: Any, looks: list[float] = looks, read: Any = read) -> Any:
                looks.append(time.perf_counter())
                return read(*known)

            patch.setattr(deliver, "_read", look)
            for _ in range(rounds):
                planned.plan()
                planned.send()
                ages += [start - looks[bisect(looks, start) - 1] for start in planned.starts]
        ages.sort()
        lines.append(Line(f"age of the look at suppressions, {count:,} rows", ages[len(ages) * 99 // 100], "s", "",
                          f"p99 at {rows} a request, {LATENCY * 1000:.0f} ms latency; median {ages[len(ages) // 2]:.2f}"
                          f" s, longest {ages[-1]:.2f} s"))
    return lines
