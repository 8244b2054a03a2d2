"""Delivery: what claims and receipts cost, the sender against a bare loop, and how much of a rate limit is reached."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from destinations.protocol import Batch, Limits, Request, Response, Settings
from pipelines.delivery import deliver, exchange, lanes
from pipelines.delivery.http import HttpTransport
from pipelines.delivery.journal import Journal
from pipelines.delivery.pace import LocalPace
from pipelines.delivery.ports import SystemClock
from pipelines.planning.draft import Subject, draft
from pipelines.planning.plan import Looked
from pipelines.state import lease, schema, snapshot
from pipelines.state.record import Claim, Receipt
from tests.bench.channel import Bulk, Ready, listening
from tests.bench.measure import Line, in_turn, share
from tests.bench.store import AUDIENCE, NOW, SYNC, at, crowd, look

LATENCY = 0.1
PACE = 50


class Recording(HttpTransport):
    """Production's transport, which remembers when it sent."""

    def __init__(self) -> None:
        super().__init__()
        self.starts: list[float] = []

    def start(self, ticket: int, request: Request) -> None:
        self.starts.append(time.perf_counter())
        super().start(ticket, request)


class Silent(Journal):
    """Writes nothing down: with it a delivery has neither claims nor receipts."""

    def claim(self, claims: Sequence[Claim]) -> None:
        pass

    def result(self, receipts: Sequence[Receipt]) -> None:
        pass


class Planned:
    """A plan of additions that waits to be sent, as often as it is planned."""

    def __init__(self, folder: Path, size: int, limits: Limits, url: str, channel: type[Bulk] = Bulk) -> None:
        folder.mkdir()
        self.store = crowd(folder / "sending.duckdb", size)
        self.destination = type("Channel", (channel,), {"limits": limits})(Settings(base_url=url))
        self.journal = Journal(folder / "sending.journal")
        self.starts: list[float] = []
        """When each request was handed to the transport."""
        self._epoch = 0
        self._folder = folder

    def plan(self) -> None:
        """Write the plan down; whatever was sent before is forgotten."""
        with self.store.opener() as warehouse, warehouse.transaction():
            schema.create(warehouse)
            for table in ("sync_control", "ledger_base", "op", "receipt"):
                warehouse.execute(f"delete from activation.{table}")
            self._epoch = lease.take(warehouse, "crowd__bench", "crowd", "bench", "a/b", NOW, alone=True).epoch
            taken = snapshot.record(warehouse, AUDIENCE, look(warehouse), at(), NOW)
            draft(warehouse, Subject(AUDIENCE, SYNC, self.destination, ()), Looked(taken), self.journal.id, NOW)

    def send(self, journal: Journal | None = None) -> None:
        """Deliver it as production does, down to the last receipt in the warehouse."""
        courier = exchange.Courier("bench", "bench", self.destination, journal or self.journal, LocalPace(),
                                   SystemClock())
        batching = deliver.Batching("crowd__bench", self._epoch, "crowd", SYNC, None, ())
        transport = Recording()
        list(deliver.send(batching, courier, transport, self.store.opener, SystemClock()))
        transport.close()
        assert not courier.stopped, courier.stopped
        self.starts = transport.starts

    def send_unwritten(self) -> None:
        """The same without claims and receipts."""
        journal = Silent(self._folder / "silent.journal")
        self.send(journal)
        journal.close()


class Prepared(Planned):
    """Batches whose bytes are ready."""

    def __init__(self, folder: Path, size: int, limits: Limits, url: str) -> None:
        super().__init__(folder, size, limits, url, Ready)
        self.plan()
        self.send()
        allowed = self.destination.settings.allowed
        self.requests = [replace(request, allow_hosts=allowed) for _, request in self.destination.built.values()]
        self._parcels: list[tuple[Batch, exchange.Parcel]] = []

    def lay_out(self) -> None:
        """Empty the journal, as a flush does, and lay the batches out with their places."""
        self.journal.flushed(self.journal.results())
        self._parcels = []
        for batch, _ in self.destination.built.values():
            begin = sum(len(known.members) for known, _ in self._parcels[-1:])
            places = {member.id: begin + seq for seq, member in enumerate(batch.members)}
            self._parcels.append((batch, exchange.Parcel(self._epoch, places)))

    def hand_over(self) -> None:
        """The sender alone: the batches, posted with claims and receipts."""
        courier = exchange.Courier("bench", "bench", self.destination, self.journal, LocalPace(), SystemClock())
        transport = HttpTransport()
        lanes.run((courier.deliver(batch, self.destination.limits, parcel) for batch, parcel in self._parcels),
                  transport, SystemClock(), lanes.Width(deliver.WIDTH), self.journal.keep)
        transport.close()
        assert not courier.stopped, courier.stopped

    def post(self) -> None:
        """The bare loop: the same bytes through the same client, as many at once."""
        transport, todo, flying = HttpTransport(), iter(self.requests), 0
        for ticket, request in enumerate(todo):
            transport.start(ticket, request)
            flying += 1
            if flying == deliver.WIDTH:
                self._receive(transport)
                flying -= 1
        for _ in range(flying):
            self._receive(transport)
        transport.close()

    def _receive(self, transport: HttpTransport) -> None:
        """One answer, which must be one: what is never sent is quick."""
        found = transport.wait(None)
        assert found is not None and isinstance(found[1], Response), found


def overhead(folder: Path, size: int, rounds: int) -> list[Line]:
    """How much of the time of a delivery goes into claims, results and receipts, at 500 a request.

    A delivery is run in turn with one that writes none of them down: windows are read, bodies built and posted in both.
    Held against the target where each answer takes 100 ms, as vendors' do; without any latency it is only shown.
    """
    lines = []
    for latency, target in ((LATENCY, "≤ 10"), (0.0, "")):
        with listening(latency) as url:
            planned = Planned(folder / f"overhead{latency}", size, Limits(rows=500), url)
            found = in_turn(rounds, planned.plan, written=planned.send, unwritten=planned.send_unwritten)
        written, unwritten = found["written"], found["unwritten"]
        lines.append(Line(
            f"claims and receipts, {size:,} rows, {latency * 1000:.0f} ms latency",
            share(written.wall - unwritten.wall, written.wall), "% of delivery", target,
            f"{written.wall:.2f} s wall, {written.cpu:.2f} s CPU at 500 a request; without them {unwritten.wall:.2f} "
            f"and {unwritten.cpu:.2f}"))
    return lines


def sender(folder: Path, size: int, rounds: int) -> list[Line]:
    """Production's sender against a bare loop of the same bytes, at 1,000 rows a request and at one.

    The sender takes bytes that are ready to the channel, with claims and receipts. The whole way, from the rows of a
    plan to their receipts in the warehouse, is shown below it.
    """
    lines = []
    for rows, count, target in ((1_000, size, "≥ 80"), (1, max(100, size // 40), "≥ 50")):
        with listening() as url:
            ready = Prepared(folder / f"sender{rows}", count, Limits(rows=rows), url)
            found = in_turn(rounds, ready.lay_out, bare=ready.post, ours=ready.hand_over)
            planned = Planned(folder / f"delivery{rows}", count, Limits(rows=rows), url)
            whole = in_turn(rounds, planned.plan, whole=planned.send)["whole"]
        bare, ours = found["bare"], found["ours"]
        lines.append(Line(
            f"sender, {count:,} rows, {rows:,} a request", share(bare.wall, ours.wall), "% of bare loop", target,
            f"{ours.wall:.2f} s wall, {ours.cpu:.2f} s CPU; bare {bare.wall:.2f} and {bare.cpu:.2f}; "
            f"{len(ready.requests):,} requests"))
        lines.append(Line(
            f"delivery, {count:,} rows, {rows:,} a request", count / whole.cpu / 1000, "k rows/s/core", "",
            f"from the plan to the receipts: {whole.wall:.2f} s wall, {whole.cpu:.2f} s CPU"))
    return lines


def pace(folder: Path, size: int, rounds: int) -> list[Line]:
    """How much of 50 requests a second is used when each answer takes 100 ms.

    Counted from the last request of the first second's worth, which may start at once, to the last of all: what is
    spent on opening the warehouse before and closing it after is no pace; windows in between are.
    """
    count = max(PACE * 2, min(size // 100, PACE * 10))
    with listening(LATENCY) as url:
        planned = Planned(folder / "pace", count, Limits(rates=((PACE, 1.0),)), url)
        spans = []
        for _ in range(max(1, rounds // 2)):
            planned.plan()
            planned.send()
            spans.append(planned.starts[-1] - planned.starts[PACE - 1])
    return [Line(f"pace, {PACE} requests/s, {LATENCY * 1000:.0f} ms latency",
                 share(count - PACE, PACE * statistics.median(spans)), "% of the limit", "≥ 95",
                 f"{count - PACE:,} requests in {statistics.median(spans):.2f} s")]
