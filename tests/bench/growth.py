"""How a store grows over a hundred runs of one per cent change, and whether it ever stops.

The least it can be is what must be kept, in a fresh file: the state, and the history that is within its terms
(`pipelines/state/retention.py`). Under the usual terms nothing of a hundred runs is past them. Under terms of a third
and two thirds of the cycles, one a day, all that grows levels off: the store after three times the cycles beside the
store after them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from destinations.protocol import Request, Response
from pipelines.delivery.ports import Answer, SystemClock
from pipelines.state.retention import Terms
from pipelines.sync import Task, run_to_end, walk
from pipelines.warehouse.rewrite import rewrite
from tests.bench.diffs import ports
from tests.bench.measure import Line
from tests.bench.store import AUDIENCE, NOW, SYNC, Store, at, crowd

CYCLES = 100
"""Fewer for a tiny store."""
STATE = {"membership": "valid_to is null", "desired": "true", "ledger_base": "true"}
"""What a store must keep: who is in, what is wanted, what was acknowledged."""


class Nodding:
    """A transport whose channel says yes at once."""

    def __init__(self) -> None:
        self._ready: list[int] = []

    def start(self, ticket: int, request: Request) -> None:
        self._ready.append(ticket)

    def wait(self, seconds: float | None) -> tuple[int, Answer] | None:
        return (self._ready.pop(0), Response(200, {}, b"{}")) if self._ready else None

    def close(self) -> None:
        self._ready.clear()


def growth(folder: Path, size: int, rounds: int) -> list[Line]:
    """File size after all cycles, in sizes of the same rows written anew, and of the state without its history."""
    store = crowd(folder / "growth.duckdb", size)

    def run() -> None:
        mine = replace(ports(store), transport=Nodding)
        [result] = run_to_end(walk(AUDIENCE, [Task("crowd__bench", SYNC, store.destination)], (), mine, at()))
        assert result.status in ("ok", "nothing"), result

    run()
    cycles = min(CYCLES, size // 200)
    for cycle in range(cycles):
        with duckdb.connect(str(store.path)) as warehouse:
            warehouse.execute(f"update crowd set score = score + 1 where hash(person_id) % 100 = {cycle}")
        run()
    grown, alone = store.path.stat().st_size, _alone(store, folder)
    rewrite(store.opener)
    anew = store.path.stat().st_size
    what = f"store of {size:,} after {cycles} cycles of 1 %"
    return [Line(what, grown / anew, "× written anew", "≤ 3", f"{grown / 1e6:.1f} MB; the same rows in a fresh file "
                 f"{anew / 1e6:.1f} MB"),
            Line(what, grown / alone, "× state alone", "", f"audience and state without history {alone / 1e6:.1f} MB"),
            Line("the same, after tailrace purge --rewrite-file", anew / alone, "× state alone", "≤ 3",
                 "history of all cycles included"),
            _levelling(folder, size, cycles)]


@dataclass
class Calendar(SystemClock):
    """The clock of this machine, on another day."""

    day: int = 0

    def now(self) -> datetime:
        return NOW + timedelta(days=self.day)


def _levelling(folder: Path, size: int, cycles: int) -> Line:
    """A table that is built anew each day: one in 200 leaves, one comes back, one in a hundred changes."""
    store, clock, sizes = crowd(folder / "levelling.duckdb", size), Calendar(), list[int]()
    terms = Terms(receipts=timedelta(days=cycles // 3), history=timedelta(days=cycles * 2 // 3))
    mine = replace(ports(store), transport=Nodding, clock=clock, terms=terms)
    with duckdb.connect(str(store.path)) as warehouse:
        warehouse.execute("create table everybody as select * from crowd")
    for clock.day in range(3 * cycles):
        with duckdb.connect(str(store.path)) as warehouse:
            warehouse.execute(f"""update everybody set score = score + 1 where hash(email) % 100 = {clock.day % 100}""")
            warehouse.execute(f"""create or replace table crowd as select * from everybody
                where hash(person_id) % 200 <> {clock.day % 200}""")
        moment = at() + timedelta(days=clock.day)
        [result] = run_to_end(walk(AUDIENCE, [Task("crowd__bench", SYNC, store.destination)], (), mine, moment))
        assert result.status == "ok", result
        if clock.day + 1 in (cycles, 3 * cycles):
            sizes.append(store.path.stat().st_size)
    return Line(f"store of {size:,} after {3 * cycles} cycles", sizes[1] / sizes[0], f"× after {cycles}", "≤ 1.2",
                f"{sizes[0] / 1e6:.1f} MB, then {sizes[1] / 1e6:.1f} MB; terms of {cycles // 3} and {cycles * 2 // 3} "
                "cycles")


def _alone(store: Store, folder: Path) -> int:
    """Bytes of a file with the audience and the state, and no history."""
    alone = folder / "alone.duckdb"
    with duckdb.connect(str(alone)) as fresh:
        fresh.execute(f"attach '{store.path}' as store (read_only)")
        fresh.execute("create table crowd as select * from store.main.crowd")
        for table, kept in STATE.items():
            fresh.execute(f"create table {table} as select * from store.activation.{table} where {kept}")
    return alone.stat().st_size
