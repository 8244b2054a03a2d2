"""Delivery: what claims and receipts cost, the sender against a bare loop, and how much of a rate limit is reached."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from destinations.protocol import Limits, Request, Settings
from pipelines.delivery import deliver, exchange
from pipelines.delivery.http import HttpTransport
from pipelines.delivery.journal import Journal
from pipelines.delivery.pace import LocalPace
from pipelines.delivery.ports import SystemClock
from pipelines.planning.draft import Subject, draft
from pipelines.planning.plan import Looked
from pipelines.state import lease, record, schema, snapshot, tombstones
from tests.bench.channel import Bulk, listening
from tests.bench.measure import Line, Stopwatch, in_turn, share
from tests.bench.store import AUDIENCE, NOW, SYNC, at, crowd

LATENCY = 0.1
PACE = 50


class Recording(HttpTransport):
    """Production's transport, which remembers what it sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Request] = []

    def start(self, ticket: int, request: Request) -> None:
        self.sent.append(request)
        super().start(ticket, request)


class Planned:
    """A plan of additions that waits to be sent, as often as it is planned."""

    def __init__(self, folder: Path, size: int, limits: Limits, url: str) -> None:
        folder.mkdir()
        self.store = crowd(folder / "sending.duckdb", size)
        self.destination = type("Bulk", (Bulk,), {"limits": limits})(Settings(base_url=url))
        self.journal = Journal(folder / "sending.journal")
        self.sent: list[Request] = []
        self._epoch = 0

    def plan(self) -> None:
        """Write the plan down; whatever was sent before is forgotten."""
        with self.store.opener() as warehouse, warehouse.transaction():
            schema.create(warehouse)
            for table in ("sync_control", "ledger_base", "op", "receipt"):
                warehouse.execute(f"delete from activation.{table}")
            self._epoch = lease.take(warehouse, "crowd__bench", "crowd", "bench", "a/b", NOW, alone=True).epoch
            seen = snapshot.look(warehouse, AUDIENCE, (), tombstones.no_key, at())
            taken = snapshot.record(warehouse, AUDIENCE, seen, at(), NOW)
            draft(warehouse, Subject(AUDIENCE, SYNC, self.destination, ()), Looked(taken), self.journal.id, NOW)

    def send(self) -> None:
        """Deliver it as production does, down to the last receipt in the warehouse."""
        courier = exchange.Courier("bench", "bench", self.destination, self.journal, LocalPace(), SystemClock())
        batching = deliver.Batching("crowd__bench", self._epoch, "crowd", SYNC, None, ())
        transport = Recording()
        list(deliver.send(batching, courier, transport, self.store.opener, SystemClock()))
        transport.close()
        assert not courier.stopped, courier.stopped
        self.sent = transport.sent

    def post(self) -> None:
        """The bare loop: the same bytes through the same client, as many at once."""
        transport, todo, flying = HttpTransport(), iter(self.sent), 0
        for ticket, request in enumerate(todo):
            transport.start(ticket, request)
            flying += 1
            if flying == deliver.WIDTH:
                transport.wait(None)
                flying -= 1
        for _ in range(flying):
            transport.wait(None)
        transport.close()


def overhead(folder: Path, size: int, rounds: int) -> list[Line]:
    """How much of the time of a delivery goes into claims, results and receipts, at 500 a request."""
    lines = []
    for latency, target in ((LATENCY, "≤ 10"), (0.0, "")):
        with listening(latency) as url, pytest.MonkeyPatch.context() as patch:
            planned, watch = Planned(folder / f"overhead{latency}", size, Limits(rows=500), url), Stopwatch()
            for name in ("claim", "result", "results", "flushed"):
                patch.setattr(planned.journal, name, watch.around(getattr(planned.journal, name)))
            patch.setattr(record, "flush", watch.around(record.flush))
            shares, walls = [], []
            for _ in range(rounds):
                planned.plan()
                watch.seconds, begun = 0.0, time.perf_counter()
                planned.send()
                walls.append(time.perf_counter() - begun)
                shares.append(share(watch.seconds, walls[-1]))
        lines.append(Line(
            f"claims and receipts, {size:,} rows, {latency * 1000:.0f} ms latency", statistics.median(shares),
            "% of delivery", target, f"{statistics.median(walls):.2f} s wall at 500 a request"))
    return lines


def sender(folder: Path, size: int, rounds: int) -> list[Line]:
    """Production against the bare loop, at 1,000 rows a request and at one."""
    lines = []
    for rows, count, target in ((1_000, size, "≥ 80"), (1, max(100, size // 40), "≥ 50")):
        with listening() as url:
            planned = Planned(folder / f"sender{rows}", count, Limits(rows=rows), url)
            planned.plan()
            planned.send()
            found = in_turn(rounds, planned.plan, bare=planned.post, ours=planned.send)
        bare, ours = found["bare"], found["ours"]
        lines.append(Line(
            f"sender, {count:,} rows, {rows:,} a request", share(bare.wall, ours.wall), "% of bare loop", target,
            f"{ours.wall:.2f} s wall, {ours.cpu:.2f} s CPU; bare {bare.wall:.2f} and {bare.cpu:.2f}; "
            f"{len(planned.sent):,} requests"))
    return lines


def pace(folder: Path, size: int, rounds: int) -> list[Line]:
    """How much of 50 requests a second is used when each answer takes 100 ms."""
    count = max(PACE * 2, min(size // 100, PACE * 10))
    with listening(LATENCY) as url:
        planned = Planned(folder / "pace", count, Limits(rates=((PACE, 1.0),)), url)
        walls = []
        for _ in range(max(1, rounds // 2)):
            planned.plan()
            begun = time.perf_counter()
            planned.send()
            walls.append(time.perf_counter() - begun)
    # The first second's worth may start at once, so a limit of n a second is (count - n) / n seconds long.
    return [Line(f"pace, {PACE} requests/s, {LATENCY * 1000:.0f} ms latency",
                 share(count - PACE, PACE * statistics.median(walls)), "% of the limit", "≥ 95",
                 f"{count:,} requests in {statistics.median(walls):.2f} s")]
