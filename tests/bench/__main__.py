"""Run benchmark suites, each in a process of its own, and print one table."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import duckdb

from tests.bench import diffs, growth, race, refresh, sending, servers, sparing
from tests.bench.measure import Line

Suite = Callable[[Path, int, int], list[Line]]
SUITES: dict[str, tuple[Suite, Sequence[int]]] = {
    "diff": (diffs.diffs, (1_000_000, 10_000_000)),
    "postgres": (servers.postgres, (1_000_000,)),
    "unchanged": (diffs.unchanged, (1_000_000,)),
    "rendering": (diffs.rendering, (100_000,)),
    "overhead": (sending.overhead, (100_000,)),
    "sender": (sending.sender, (200_000,)),
    "pace": (sending.pace, (50_000,)),
    "sparing": (sparing.sparing, (50_000,)),
    "growth": (growth.growth, (20_000,)),
    "refresh": (refresh.refresh, (120_000,)),
    "race": (race.race, (100_000,)),
}
"""Name → suite and its usual sizes."""


def lines(names: Sequence[str], sizes: Sequence[int], rounds: int) -> Iterator[Line]:
    """Run suites, one after the other; peaks of memory are each suite's own."""
    for name in names:
        suite, usual = SUITES[name]
        for size in sizes or usual:
            with (tempfile.TemporaryDirectory() as folder,
                  ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool):
                yield from pool.submit(suite, Path(folder), size, rounds).result()


def main() -> int:
    """The command; answers its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"any of {', '.join(SUITES)}; all by default")
    parser.add_argument("--size", type=int, action="append", default=[], help="rows, instead of the usual size")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that are counted (3)")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a target is missed")
    asked = parser.parse_args()
    if unknown := set(asked.suites) - SUITES.keys():
        parser.error(f"no suite {', '.join(sorted(unknown))}")
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, "
          f"DuckDB {duckdb.__version__}; medians of {asked.rounds} rounds")
    missed = 0
    for line in lines(asked.suites or list(SUITES), asked.size, asked.rounds):
        print(line, flush=True)
        missed += line.met is False
    return int(asked.check and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
