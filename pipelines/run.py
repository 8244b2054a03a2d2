"""One sync's way through a walk: begin, make ready, plan, send, finish; what fails here concerns this sync alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from pipelines.audiences import AliasModel
from pipelines.delivery import deliver, sessions
from pipelines.delivery.exchange import Courier
from pipelines.delivery.jobs import Waiting
from pipelines.delivery.journal import Journal
from pipelines.delivery.pace import Pace, credential_of
from pipelines.delivery.ports import Clock, Transport
from pipelines.errors import ChannelRefused, LeaseHeld, LeaseLost
from pipelines.planning.draft import Subject, ask_to_refill, draft
from pipelines.planning.plan import Looked, Plan
from pipelines.state import lease, record, retention, shards, tombstones
from pipelines.state.shards import Spread
from pipelines.warehouse.protocol import Opener, Warehouse

ROOM = 1_000
"""Bytes that an operation takes in plan, journal and receipts, estimated generously."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What a walk needs of the world."""

    warehouse: Opener
    clock: Clock
    pace: Pace
    transport: Callable[[], Transport]
    journal: Callable[[str], Journal]
    """The journal of a sync, by its id."""
    known_journal: Callable[[str], Journal | None]
    """The same if it exists already: planning creates none."""
    run_id: str
    alone: bool = False
    """No other run of this machine can be at these syncs (its lock is held)."""
    key: tombstones.Key = tombstones.no_key
    """The secret that tells who was forgotten."""
    room: Callable[[], int] = lambda: sys.maxsize
    """Bytes free where journal and warehouse are written."""
    aliases: AliasModel | None = None
    """Which keys became another person's."""
    terms: retention.Terms = retention.Terms()  # noqa: RUF009 - frozen
    """How long what is recorded is kept."""


@dataclass(frozen=True, slots=True)
class Result:
    """How one sync of a walk ended."""

    plan: Plan
    status: str
    """ok · nothing · held · failed"""
    accepted: int
    rejected: int
    deferred: int
    """Not sent after all, or refused for a reason that passes: the next run sends it again."""
    unknown: int
    """Sent, but the answer was lost."""
    pending: int
    """With a job of the channel that has not ended."""
    seconds: float
    reason: str = ""


class Run:
    """One sync's way through a walk."""

    def __init__(self, subject: Subject, ports: Ports) -> None:
        self.subject, self._ports, self._id = subject, ports, subject.id
        self.epoch = 0
        """0: another run holds the sync."""
        self._started = ports.clock.now()
        self._journal = ports.journal(subject.id)
        self._transport = ports.transport()
        self._courier = Courier(subject.sync.to, credential_of(subject.destination), subject.destination, self._journal,
                                ports.pace, ports.clock)
        trigger = subject.sync.trigger
        self._courier.at_least_once = trigger is not None and trigger.delivery == "at_least_once"
        self._failure = subject.gate
        empty = (subject.id, subject.audience.name, subject.sync.to)
        self._plan = Plan.gated(*empty, subject.gate) if subject.gate else Plan.empty(*empty)
        self._waiting: list[Waiting] = []
        self._flushed: list[record.Receipt] = []
        self._target: str | None = None
        self._moved = self._gone = False
        self.spread: Spread | None = None
        """A plan of this sync that is under way in shards."""

    def begin(self, warehouse: Warehouse) -> None:
        sync, now = self.subject.sync, self._ports.clock.now()
        try:
            with warehouse.transaction():
                control = lease.take(warehouse, self._id, self.subject.audience.name, sync.to,
                                     f"{self._journal.id}/{self._ports.run_id}", now, alone=self._ports.alone)
                left = catch_up_shards(warehouse, self._id, sync.to, self._ports, now)
                self._flushed = catch_up(warehouse, self._id, sync.to, control.epoch, self._journal, now)
                self._waiting = deliver.waiting(warehouse, self._id)
        except LeaseHeld as held:
            self._failure, self.spread = str(held), shards.find(warehouse, self._id)
            return
        self.epoch = control.epoch
        for journal, known in left:
            journal.flushed(known)
            journal.forget_before(control.epoch)
            journal.close()
        self._courier.lease_ends = self._ports.clock.monotonic() + lease.SECONDS
        self._target = sync.target or _setting(self.subject) or control.target
        self._moved = bool(control.target) and self._target != control.target
        self._gone = bool(control.gone)
        self._forget_flushed()

    def fence(self, warehouse: Warehouse) -> None:
        """Raise LeaseLost when another run has taken over the sync that this one began."""
        if self.epoch:
            lease.fence(warehouse, self._id, self.epoch)

    def ready(self) -> None:
        """Ask jobs and find the remote list, with the warehouse closed. One that was gone is made when that is agreed.
        """
        try:
            if self._waiting and self.epoch:
                deliver.ask_jobs(self._courier, self._waiting, self._target, self._transport, self._ports.clock)
            if self.epoch and not self._failure and not self._gone:
                self._find_list()
        except ChannelRefused as error:
            self._failure = str(error)

    def _find_list(self) -> None:
        destination = self.subject.destination
        if not self._target and self.subject.sync.members and destination.capabilities.needs_target:
            self._target = deliver.converse(
                self._courier, destination.prepare(self.subject.list_name), self._transport, self._ports.clock)

    def plan(self, warehouse: Warehouse, looked: Looked) -> Plan:
        if not self.epoch:
            return self._plan
        with warehouse.transaction():
            lease.fence(warehouse, self._id, self.epoch)
            self._flush(warehouse)
            if self._moved:
                record.void_ledger(warehouse, self._id, self.epoch - 1, self._ports.clock.now())
            if self._target:
                record.remember_target(warehouse, self._id, self._target)
            self._plan = draft(warehouse, self.subject, looked, self._journal.id, self._ports.clock.now(),
                               cause="another remote list" if self._moved else "", write=not self._failure)
        self._forget_flushed()
        return self._plan

    def send(self) -> Iterator[deliver.Progress]:
        self._failure = self._failure or self._lacks_room()
        if self._failure or not self._plan.changes or (self._gone and self._plan.held):
            return
        try:
            self._find_list()
            batching = deliver.Batching(self._id, self.epoch, self.subject.list_name, self.subject.sync,
                                        self._target, self.subject.sparing)
            if self._plan.whole and not self._plan.held:
                yield from sessions.send(batching, self._courier, self._transport, self._ports.warehouse,
                                         self._ports.clock)
            yield from deliver.send(batching, self._courier, self._transport, self._ports.warehouse,
                                    self._ports.clock)
        except (ChannelRefused, LeaseLost) as error:
            self._failure = str(error)
        self._failure = self._failure or self._courier.stopped

    def _lacks_room(self) -> str:
        """What is said where claims and receipts of the plan might not find room; twice the plan must be free."""
        need, free = 2 * ROOM * self._plan.changes, self._ports.room()
        return "" if free >= need else (f"{free / 1e6:.2f} MB are free and {need / 1e6:.2f} MB may be needed to write "
                                        "down what becomes of this plan: make room; nothing was sent")

    def hand_over(self, *, here: bool) -> Spread | None:
        """Leave the plan to shards; None where it is not worth it, or there is nothing to send.

        `here`: all of them are of this state folder, so they share its pace.
        """
        self._failure = self._failure or self._lacks_room()
        plan, count = self._plan, self.subject.sync.shards
        if not self.epoch or self._failure or plan.held or count == 1 or plan.requests <= deliver.WIDTH:
            return None
        try:
            self._find_list()
        except ChannelRefused as error:
            self._failure = str(error)
            return None
        with self._ports.warehouse() as warehouse, warehouse.transaction():
            lease.fence(warehouse, self._id, self.epoch)
            if self._target:
                record.remember_target(warehouse, self._id, self._target)
            host = self._journal.id if here else ""
            spread = Spread(self._id, self.epoch, count, host, self._ports.run_id, self._started, plan.written)
            shards.open_all(warehouse, spread, self._ports.clock.now())
        return spread

    def finish(self) -> Result:
        now = self._ports.clock.now()
        seconds = (now - self._started).total_seconds()
        if not self.epoch:
            return self._result({}, seconds)
        try:
            with self._ports.warehouse() as warehouse, warehouse.transaction():
                self._flush(warehouse)
                lease.fence(warehouse, self._id, self.epoch)
                if self.spread:
                    shards.close(warehouse, self.spread, f"{self._journal.id}/{self._ports.run_id}")
                record.settle(warehouse, self._id, self.epoch + 1, self._journal.id, self._journal.open_claims(), now)
                deliver.fold(warehouse, self._id, self.epoch, self.subject.destination, now)
                self._look_after_list(warehouse, now)
                result = self._result(record.outcomes(warehouse, self._id, self.epoch), seconds)
                record.close(warehouse, self._id, self.epoch, self._ports.run_id, self._started, now, result.status,
                             self._counts(result), result.reason, result.plan.cause)
                retention.purge(warehouse, self._id, now, self._ports.terms)
                lease.release(warehouse, self._id)
        except LeaseLost as lost:
            self._failure = str(lost)
            return self._result({}, seconds)
        self._forget_flushed()
        self._journal.forget_before(self.epoch + 1)
        return result

    def _look_after_list(self, warehouse: Warehouse, now: datetime) -> None:
        """Remember the list that was found; one that turned out to be gone is asked about."""
        if said := self._courier.gone:
            record.lose_list(warehouse, self._id, self.epoch, said, now)
            self._plan, self._failure = ask_to_refill(warehouse, self.subject, said, self._plan, now), ""
        elif self._target:
            record.remember_target(warehouse, self._id, self._target)

    def close(self) -> None:
        self._transport.close()
        self._journal.close()

    def _counts(self, result: Result) -> dict[str, int]:
        plan, excludes = self._plan, self.subject.sync.standing == "held_out"
        return {"add": plan.add, "update": plan.update, "remove": plan.remove, "trigger": plan.trigger,
                "accepted": result.accepted, "rejected": result.rejected, "deferred": result.deferred,
                "unknown": result.unknown, "pending": result.pending, "unusable": plan.unusable,
                "members": plan.held_out if excludes else plan.segment - plan.suppressed - plan.held_out}

    def _result(self, counts: dict[str, int], seconds: float) -> Result:
        plan = self._plan
        lost = counts.get("void", 0) + counts.get("unknown", 0)
        arrived = any(counts.get(outcome) for outcome in ("ok", "accepted", "rejected", "stale"))
        if lost and not arrived and not self._failure and not self._courier.gone:
            self._failure = f"none of {lost:,} operations arrived; the next run sends them again where that is safe"
        status = "failed" if self._failure else "held" if plan.held else "ok" if plan.changes else "nothing"
        reason = self._failure or "; ".join(each.message for each in plan.objections if plan.held)
        return Result(plan, status, counts.get("ok", 0), counts.get("rejected", 0),
                      counts.get("void", 0) + counts.get("suppressed", 0), counts.get("unknown", 0),
                      counts.get("accepted", 0), round(seconds, 3), reason)

    def _flush(self, warehouse: Warehouse) -> None:
        self._flushed = self._journal.results()
        record.flush(warehouse, self._id, self.subject.sync.to, self._flushed)

    def _forget_flushed(self) -> None:
        """Only after the warehouse has committed them."""
        self._journal.flushed(self._flushed)
        self._flushed = []


def catch_up(
    warehouse: Warehouse, sync_id: str, connection: str, epoch: int, journal: Journal, now: datetime
) -> list[record.Receipt]:
    """Bring in what the journal knows and settle earlier epochs; answers what may be forgotten after the commit."""
    known = journal.results()
    record.flush(warehouse, sync_id, connection, known)
    record.settle(warehouse, sync_id, epoch, journal.id, journal.open_claims(), now)
    return known


def catch_up_shards(
    warehouse: Warehouse, sync_id: str, connection: str, ports: Ports, now: datetime
) -> list[tuple[Journal, list[record.Receipt]]]:
    """Settle a plan that shards left behind, before `catch_up` takes what they had for its own; answers their journals
    of this host, with what those may forget after the commit."""
    spread = shards.find(warehouse, sync_id)
    if spread is None:
        return []
    names = (shards.journal_of(sync_id, number) for number in range(1, spread.shards + 1))
    found = [(journal, journal.results()) for name in names if (journal := ports.known_journal(name))]
    for journal, known in found:
        claims = [claim for claim in journal.open_claims() if claim.epoch <= spread.epoch]
        record.flush(warehouse, sync_id, connection, [*known, *record.in_doubt(claims, now)])
    shards.settle(warehouse, spread, {journal.id for journal, _ in found}, now)
    return found


def _setting(subject: Subject) -> str | None:
    """The remote list, segment or audience that the connection names; those held out are in another."""
    field = subject.destination.capabilities.target if subject.sync.standing == "sent" else None
    return getattr(subject.destination.settings, field, None) or None if field else None
