"""The ports of one simulated run: warehouse, journal, transport and clock, each call of which may be the last."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from destinations.protocol import Request
from pipelines.delivery.http import DEADLINE
from pipelines.delivery.journal import Journal
from pipelines.delivery.ports import Answer, Lost
from pipelines.errors import WarehouseError, WarehouseLocked
from pipelines.state.record import Claim, Receipt
from pipelines.warehouse.protocol import Parameters, Row, Warehouse
from tests.sim.channels import Answering
from tests.sim.scenario import MOMENTS, STORES
from tests.sim.world import Violation, World

TICK = 0.01
"""Seconds that a commit or a claim takes."""
SENDING, SHORT = ("claim", "claimed", "send"), 15.0
"""Between the look at the lease and the request a process is silent for less than the margin, or all bets are off."""


class Crash(BaseException):
    """The process dies here."""


class JournalFull(sqlite3.OperationalError):
    """No room on the disk of this host."""


@dataclass
class Actor:
    """One process that runs a walk on a host."""

    world: World
    host: str
    skew: float
    moments: Random
    stores: Random
    crash_at: int | None = None
    """Die at exactly this point, whatever the dice say."""
    points: int = 0
    dead: bool = False
    busy: bool = False
    """Inside a transaction: nothing else can happen in the warehouse."""
    opened: float = 0.0
    """When the warehouse was last opened."""
    sent: int = 0
    meet: Callable[[Actor, str], None] = lambda actor, where: None
    """Let the process of another host go on for a while."""

    def point(self, where: str) -> None:
        """A moment at which anything may happen."""
        if self.dead:
            raise Crash(where)
        self.points += 1
        if self.world.faulty:
            self._strike(where, {name: self.moments.random() for name in MOMENTS})
        if self.points == self.crash_at:
            self.die(where)

    def die(self, where: str) -> None:
        self.dead = True
        self.world.note("crash", where)
        raise Crash(where)

    def fails(self, fault: str) -> bool:
        """Whether this fault of a store strikes now."""
        draws = {name: self.stores.random() for name in STORES}
        return self.world.faulty and draws[fault] < self.world.scenario.rates[fault]

    def _strike(self, where: str, draws: dict[str, float]) -> None:
        world, rates = self.world, self.world.scenario.rates
        person = f"p{int(draws['crash'] * 1e6) % world.scenario.persons}"
        if not self.busy:
            if draws["suppress"] < rates["suppress"]:
                world.note("suppress", where, person)
                world.suppress(person)
            if draws["release"] < rates["release"]:
                world.note("release", where, person)
                world.release(person)
            if draws["pause"] < rates["pause"]:
                world.note("pause", where)
                world.advance(world.now + (SHORT if where in SENDING else 2_000 if person == "p0" else 400))
            if draws["second_run"] < rates["second_run"]:
                self.meet(self, where)
        if draws["crash"] < rates["crash"]:
            self.die(where)


class SimWarehouse:
    """An open warehouse whose transactions may fail, or seem to."""

    shared = True

    def __init__(self, inner: Warehouse, actor: Actor) -> None:
        self._inner, self._actor = inner, actor
        self.arrow, self.columns = inner.arrow, inner.columns
        self.fingerprint, self.entries, self.bucket = inner.fingerprint, inner.entries, inner.bucket

    def execute(self, sql: str, parameters: Parameters = ()) -> None:
        self._inner.execute(sql, parameters)

    def query(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        return self._inner.query(sql, parameters)

    def insert(self, table: str, rows: Any) -> None:
        self._inner.insert(table, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        actor = self._actor
        actor.point("begin")
        try:
            with self._inner.transaction():
                actor.busy = True
                yield
                actor.point("before commit")
                if actor.fails("lost_before_commit"):
                    actor.world.note("lost_before_commit", "commit")
                    raise WarehouseError("the connection was lost")
        finally:
            actor.busy = False
        actor.world.committed()
        actor.world.advance(actor.world.now + TICK)
        actor.point("after commit")
        if actor.fails("lost_at_commit"):
            actor.world.note("lost_at_commit", "commit")
            raise WarehouseError("the connection was lost at COMMIT")


@contextmanager
def open_warehouse(actor: Actor) -> Iterator[SimWarehouse]:
    """The warehouse, unless another process has it."""
    actor.point("open")
    if actor.fails("locked"):
        actor.world.note("locked", "open")
        raise WarehouseLocked("another process still has it open")
    with actor.world.engine.open(actor.world.rewrite) as inner:
        actor.opened = actor.world.now
        yield SimWarehouse(inner, actor)
    actor.point("closed")


class SimJournal(Journal):
    """The production journal in memory. It outlives the runs of its host."""

    def __init__(self, name: str) -> None:
        super().__init__(":memory:")
        self._db.execute("update identity set id = ?", [name])
        self.id = name
        self.actor: Actor

    def claim(self, claims: Sequence[Claim]) -> None:
        self.actor.point("claim")
        super().claim(claims)
        self.actor.world.advance(self.actor.world.now + TICK)
        self.actor.point("claimed")

    def keep(self) -> None:
        """The disk may be full; what a process said last is gone with it."""
        if self.actor.dead:
            self._claims, self._results = [], []
        elif not self.is_kept and self.actor.fails("journal_full"):
            self.actor.world.note("journal_full", "claim" if self._claims else "result")
            self._claims, self._results = [], []
            raise JournalFull("database or disk is full")
        super().keep()

    def result(self, receipts: Sequence[Receipt]) -> None:
        if receipts:
            self.actor.point("result")
        super().result(receipts)
        if receipts:
            said = [f"{r.epoch}/{r.first}-{r.last}.{r.attempt}:{r.outcome}" for r in receipts]
            self.actor.world.say("result", " ".join(said))
            self.actor.point("resulted")

    def flushed(self, receipts: Sequence[Receipt]) -> None:
        if receipts:
            self.actor.point("flushing")
        super().flushed(receipts)

    def forget_before(self, epoch: int) -> None:
        self.actor.point("forgetting")
        super().forget_before(epoch)

    def close(self) -> None:
        """It stays for the next run of this host."""
        self.keep()

    def lose(self) -> None:
        """The disk is gone."""
        self._db.close()


class SimTransport:
    """Requests under way, answered at their own virtual times."""

    def __init__(self, actor: Actor, journal: SimJournal) -> None:
        self._actor, self._journal = actor, journal
        self._flying: list[tuple[float, int, Answering]] = []

    def start(self, ticket: int, request: Request) -> None:
        actor, world = self._actor, self._actor.world
        actor.point("send")
        if not request.reads:
            self._watch(json.loads(request.body or b""))
            if not self._journal.is_kept:
                raise Violation("claim: a request was sent before the disk had its claim")
        seconds, answering = world.channel.receive(request)
        actor.sent += 1
        late = seconds >= DEADLINE
        due = world.now + min(seconds, DEADLINE)
        self._flying.append((due, ticket, (lambda: Lost("timeout", sent=True)) if late else answering))
        actor.point("sent")

    def wait(self, seconds: float | None) -> tuple[int, Answer] | None:
        world = self._actor.world
        due, ticket, answering = found = min(self._flying)
        if seconds is not None and due > world.now + seconds:
            world.advance(world.now + seconds)
            return None
        self._flying.remove(found)
        world.advance(due)
        self._actor.point("answered")
        return ticket, answering()

    def close(self) -> None:
        """What is under way arrives or not, whoever waits for it."""

    def _watch(self, body: dict[str, Any]) -> None:
        world, actor = self._actor.world, self._actor
        world.say("send", f"{body['do']} " + " ".join(f"{row['id'][:4]}:{row['person']}:{row['email'][:2]}"
                                                      for row in body["rows"]))
        for row in body["rows"]:
            since = world.suppressed.get(row["person"])
            if body["do"] != "remove" and since is not None and since < actor.opened:
                raise Violation(f"suppression: {row['person']} was suppressed at {since:.2f}, the warehouse was read "
                                f"at {actor.opened:.2f}, and {body['do']} was sent at {world.now:.2f}")


@dataclass(frozen=True, slots=True)
class SimClock:
    """The clock of a host: it may be wrong, but it never stands still."""

    actor: Actor

    def now(self) -> datetime:
        return self.actor.world.at(self.actor.skew).replace(tzinfo=None)

    def monotonic(self) -> float:
        return self.actor.world.now

    def sleep(self, seconds: float) -> None:
        self.actor.world.advance(self.actor.world.now + seconds)
        self.actor.point("slept")
