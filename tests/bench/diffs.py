"""The diff against the limit, and a whole walk against its diff."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import duckdb

from pipelines.delivery.http import HttpTransport
from pipelines.delivery.journal import Journal
from pipelines.delivery.pace import LocalPace
from pipelines.delivery.ports import SystemClock
from pipelines.planning.render import renderer
from pipelines.run import Ports
from pipelines.sync import Task, run_to_end, walk
from tests.bench.measure import Line, in_turn, peak
from tests.bench.store import AUDIENCE, CROWD, SYNC, Store, at, delivered, find_changes, scan


def ports(store: Store) -> Ports:
    """Production's own, beside the file."""
    return Ports(store.opener, SystemClock(), LocalPace(), HttpTransport,
                 lambda sync: Journal(store.path.parent / f"{sync}.journal"), lambda _: None, "bench", alone=True)


def sync(store: Store) -> str:
    """One whole walk; answers how it ended."""
    [result] = run_to_end(walk(AUDIENCE, [Task("crowd__bench", SYNC, store.destination)], (), ports(store), at()))
    return result.status


def diffs(folder: Path, size: int, rounds: int) -> list[Line]:
    """Nothing changed, a little, and half of it."""
    lines = []
    for changed in (0.0, 0.007, 0.5):
        store = delivered(folder / f"diff{changed}.duckdb", size, changed)
        with store.opener() as warehouse:
            found = in_turn(rounds, limit=partial(scan, warehouse), diff=partial(find_changes, warehouse, store))
        limit, diff = found["limit"], found["diff"]
        lines.append(Line(
            f"diff of {size:,}, {changed:.1%} changed", diff.cpu / limit.cpu, "× limit (CPU)",
            "≤ 2.5" if changed < 0.5 else "", f"{diff.wall:.2f} s wall, {diff.cpu:.2f} s CPU; limit "
            f"{limit.wall:.2f} and {limit.cpu:.2f}; peak {peak():,.0f} MB"))
        store.path.unlink()
    return lines


def unchanged(folder: Path, size: int, rounds: int) -> list[Line]:
    """A walk that finds nothing to do, whole: lease, snapshot, plan, fold and log included."""
    store = delivered(folder / "unchanged.duckdb", size)

    def look() -> None:
        with store.opener() as warehouse:
            find_changes(warehouse, store)

    def whole() -> None:
        assert sync(store) == "nothing"

    found = in_turn(rounds, diff=look, sync=whole)
    return [Line(f"unchanged sync of {size:,}", found["sync"].wall / found["diff"].wall, "× diff", "≤ 1.5",
                 f"{found['sync'].wall:.2f} s wall, {found['sync'].cpu:.2f} s CPU; peak {peak():,.0f} MB")]


def rendering(folder: Path, size: int, rounds: int) -> list[Line]:
    """How many rows a second one core makes into members."""
    store = delivered(folder / "rendering.duckdb", 1)
    with duckdb.connect() as warehouse:
        drawn = warehouse.sql(f"select person_id as _key, * from ({CROWD.format(size=size)})")
        rows = drawn.to_arrow_table().to_pydict()
    render = renderer(AUDIENCE, SYNC, store.destination)
    found = in_turn(rounds, rows=lambda: render(rows))
    return [Line(f"rendering {size:,} rows", size / found["rows"].cpu / 1000, "k rows/s/core")]
