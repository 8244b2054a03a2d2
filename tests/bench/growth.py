"""How a store grows over a hundred runs of one per cent change.

The least it can be is the same rows in a fresh file: history is kept for 13 months (`pipelines/state/retention.py`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb

from destinations.protocol import Request, Response
from pipelines.delivery.ports import Answer
from pipelines.sync import Task, run_to_end, walk
from pipelines.warehouse.rewrite import rewrite
from tests.bench.diffs import ports
from tests.bench.measure import Line
from tests.bench.store import AUDIENCE, SYNC, Store, at, crowd

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
                 "history of all cycles included")]


def _alone(store: Store, folder: Path) -> int:
    """Bytes of a file with the audience and the state, and no history."""
    alone = folder / "alone.duckdb"
    with duckdb.connect(str(alone)) as fresh:
        fresh.execute(f"attach '{store.path}' as store (read_only)")
        fresh.execute("create table crowd as select * from store.main.crowd")
        for table, kept in STATE.items():
            fresh.execute(f"create table {table} as select * from store.activation.{table} where {kept}")
    return alone.stat().st_size
