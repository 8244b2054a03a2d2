"""Forget a person: out of every channel, then out of what is recorded, and never in again.

1. The tombstone is committed, so that no snapshot has the person from now on.
2. Each sync that may have put them into its channel removes them there: through the usual delivery (lease, plan rows,
   journal, receipts), outside of holds. A key that somebody else has too stays, for them.
3. Where the removal is confirmed, the person is erased. Where it is not (no answer, a refusal, a job that runs, a lost
   request that may still arrive), what is recorded there stays until `forget` is run again: it is needed for that.

A person is forgotten, not an account that happens to have the same key: audiences keyed by account stay as they are.

What it cannot do is said in the report: no channel is told to delete a profile (the protocol has no such call),
messages cannot be recalled, and the sources of the audience belong to the team.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from pipelines.audiences import Audience
from pipelines.errors import TailraceError
from pipelines.planning.draft import Subject
from pipelines.planning.plan import Plan
from pipelines.project import Project
from pipelines.run import Result, Run
from pipelines.state import intents, lease, schema, tombstones
from pipelines.warehouse.protocol import Warehouse


@dataclass(frozen=True, slots=True)
class Place:
    """What became of the person in one sync's channel."""

    sync: str
    connection: str
    outcome: str
    """removed · nothing (it held nothing of them) · unconfirmed"""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What was done, and what is left to people."""

    person_hmac: str
    places: list[Place]
    erased: dict[str, int]
    """Table → rows."""
    no_delete_call: list[str]
    """Connections that were told of the person and have no call that deletes a profile."""

    @property
    def confirmed(self) -> bool:
        """Whether nothing is left to do for Tailrace."""
        return all(place.outcome != "unconfirmed" for place in self.places)


def forget(project: Project, person: str, by: str, reason: str, now: datetime, *, anyway: bool = False) -> Report:
    """Forget one person. `anyway`: erase what is recorded even where the removal could not be confirmed."""
    declared = {audience.name: audience for audience in project.declarations.audiences}
    accounts = [audience.name for audience in declared.values() if audience.key_kind == "account"]
    with project.warehouse() as warehouse, warehouse.transaction():
        schema.create(warehouse)
        digest = tombstones.digest(tombstones.make_key(warehouse, project.key_file), person)
        tombstones.add(warehouse, digest, by, reason, now)
        found = [place for place in tombstones.places(warehouse, person) if place[1] not in accounts]
    places = [_leave(project, declared.get(audience), sync, connection, person) for sync, audience, connection in found]
    erasable = [place.sync for place in places if anyway or place.outcome != "unconfirmed"]
    with project.warehouse() as warehouse, warehouse.transaction():
        erased = tombstones.erase(warehouse, person, erasable, accounts)
    for sync in erasable:
        project.compact_journal(sync)
    return Report(digest, places, erased, sorted({connection for _, _, connection in found}))


def _leave(project: Project, audience: Audience | None, sync: str, connection: str, person: str) -> Place:
    """Take the person out of one channel."""
    tasks, faults = project.tasks(audience, connection) if audience else ([], [])
    if audience is None or not tasks:
        why = str(faults[0]) if faults else "the sync is no longer declared: remove them in the channel by hand"
        return Place(sync, connection, "unconfirmed", why)
    try:
        with project.alone(audience.name, f"forget-{secrets.token_hex(6)}") as ports:
            run = Removal(Subject(audience, tasks[0].sync, tasks[0].destination, ()), ports)
            return run.remove(person, connection)
    except TailraceError as error:
        return Place(sync, connection, "unconfirmed", str(error))


class Removal(Run):
    """A run of one sync that removes one person and does nothing else."""

    def remove(self, person: str, connection: str) -> Place:
        """Walk from lease to receipt; what became of the person."""
        try:
            with self._ports.warehouse() as warehouse:
                self.begin(warehouse)
            self.ready()
            if self.epoch:
                with self._ports.warehouse() as warehouse:
                    self._plan_removal(warehouse, person)
            for _ in self.send():
                pass
            result = self.finish()
        finally:
            self.close()
        with self._ports.warehouse() as warehouse:
            count, until = tombstones.still_held(warehouse, self._id, person)
        return self._judge(result, connection, count, until)

    def _plan_removal(self, warehouse: Warehouse, person: str) -> None:
        with warehouse.transaction():
            lease.fence(warehouse, self._id, self.epoch)
            self._flush(warehouse)
            tombstones.find_changes(warehouse, self._id, person)
            able = self.subject.destination.capabilities
            intents.find_removals(warehouse, matches_any=able.matches_any, replaces=False)
            written = 0 if self._failure else intents.write(
                warehouse, self._id, self.epoch, 0, self._journal.id, self._ports.clock.now(), silent=False)
            self._plan = replace(Plan.empty(self._id, self.subject.audience.name, self.subject.sync.to), remove=written)
        self._forget_flushed()

    def _judge(self, result: Result, connection: str, count: int, until: datetime | None) -> Place:
        if result.reason or not self.epoch:
            return Place(self._id, connection, "unconfirmed", result.reason or self._failure)
        if not count:
            return Place(self._id, connection, "removed" if result.plan.remove else "nothing")
        if result.rejected:
            detail = "the channel refuses the removal (tailrace rejects)"
        elif result.unknown or result.deferred:
            detail = "the channel did not answer"
        elif result.pending or until is None:
            detail = "a job of the channel has not ended"
        else:
            detail = f"removed, but a lost request may still arrive until {until:%Y-%m-%d %H:%M} UTC"
        return Place(self._id, connection, "unconfirmed", detail)


def lines(report: Report, *, rewritten: bool) -> Iterator[str]:
    """The report as a person reads it; it names nobody."""
    yield f"Forgotten from now on, as {report.person_hmac[:16]}…"
    for place in report.places:
        said = {"removed": "removed", "nothing": "held nothing of them, or only what others share"}
        yield f"  {place.sync}: {said.get(place.outcome, f'NOT CONFIRMED: {place.detail}')}"
    rows = ", ".join(f"{count:,} of {table}" for table, count in report.erased.items() if count)
    yield f"Erased: {rows or 'nothing was recorded'}."
    if report.no_delete_call:
        yield (f"Left to you: {', '.join(report.no_delete_call)} may keep a profile and past messages; Tailrace has no "
               "call that deletes them, so ask the channel.")
    if not rewritten:
        yield ("Left to you: deleted rows can remain as bytes in free pages of a DuckDB file; --rewrite-file writes it "
               "anew, best after your own sources are clean.")
    yield "Left to you: your own sources, models, snapshots and backups, and copies of the warehouse."
    if not report.confirmed:
        yield "Run it again when what is not confirmed can be: nothing else removes what is recorded there."
