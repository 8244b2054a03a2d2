"""How a store grows over a hundred runs of one per cent change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb

from destinations.protocol import Request, Response
from pipelines.delivery.ports import Answer
from pipelines.sync import Task, run_to_end, walk
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
    """File size after all cycles, in sizes of the same content written anew, and of the state without its history."""
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
    grown, alone, anew = _sizes(store, folder)
    what = f"store of {size:,} after {cycles} cycles of 1 %"
    return [Line(what, grown / anew, "× written anew", "≤ 3", f"{grown / 1e6:.1f} MB; with all history in the fewest "
                 f"blocks {anew / 1e6:.1f} MB"),
            Line(what, grown / alone, "× state alone", "", f"audience and state without history {alone / 1e6:.1f} MB")]


def _sizes(store: Store, folder: Path) -> tuple[int, int, int]:
    """Bytes of the file, of one with the state alone, and of a copy with everything."""
    alone, copy = folder / "alone.duckdb", folder / "copy.duckdb"
    with duckdb.connect(str(alone)) as fresh:
        fresh.execute(f"attach '{store.path}' as store (read_only)")
        fresh.execute("create table crowd as select * from store.main.crowd")
        for table, kept in STATE.items():
            fresh.execute(f"create table {table} as select * from store.activation.{table} where {kept}")
    with duckdb.connect(str(copy)) as fresh:
        fresh.execute(f"attach '{store.path}' as store (read_only)")
        fresh.execute("copy from database store to copy")
    return store.path.stat().st_size, alone.stat().st_size, copy.stat().st_size
