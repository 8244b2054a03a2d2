"""Forget a person: out of every channel, then out of what is recorded, and never in again.

1. The tombstone is committed, so that no snapshot has the person from now on.
2. Each sync that may have put them into its channel removes them there: through the usual delivery (lease, plan rows,
   journal, receipts), outside of holds. A key that somebody else has too stays, for them.
3. Each channel that can delete a profile is told to, once a connection, by all that it was told of the person.
4. Where both are confirmed, the person is erased. Where they are not (no answer, a refusal, a job that runs, a lost
   request that may still arrive), what is recorded there stays until `forget` is run again: it is needed for that.

A person is forgotten, not an account that happens to have the same key: audiences keyed by account stay as they are.

What it cannot do is said in the report: some channels have no call that deletes a profile, messages cannot be recalled,
and the sources of the audience belong to the team.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from destinations.protocol import Batch, Member, Operation, Outcome, Verdict
from pipelines.audiences import Audience
from pipelines.delivery.batches import named
from pipelines.delivery.deliver import converse
from pipelines.delivery.exchange import Courier
from pipelines.delivery.pace import credential_of
from pipelines.errors import TailraceError
from pipelines.planning.draft import Subject
from pipelines.planning.plan import Plan
from pipelines.project import Project
from pipelines.run import Result, Run
from pipelines.state import aliases, intents, lease, schema, tombstones
from pipelines.sync import Task
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
class Deletion:
    """What became of the person's profile in one connection."""

    connection: str
    outcome: str
    """deleted (the channel has taken it over) · nothing (it was told nothing of them) · unconfirmed"""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What was done, and what is left to people."""

    person_hmac: str
    places: list[Place]
    deletions: list[Deletion]
    """Of connections that were told of the person and can delete a profile."""
    erased: dict[str, int]
    """Table → rows."""
    no_delete_call: list[str]
    """Connections that were told of the person and have no call that deletes a profile."""
    same_keys: list[str]
    """Persons who are gone and were known to a channel by the same address: perhaps older keys of this person."""

    @property
    def confirmed(self) -> bool:
        """Whether nothing is left to do for Tailrace."""
        return "unconfirmed" not in [*(each.outcome for each in self.places),
                                     *(each.outcome for each in self.deletions)]


def forget(project: Project, person: str, by: str, reason: str, now: datetime, *, anyway: bool = False) -> Report:
    """Forget one person, under all keys that are or were theirs. `anyway`: erase what is recorded even where the
    removal could not be confirmed."""
    with project.warehouse() as warehouse, warehouse.transaction():
        schema.create(warehouse)
        persons = [person, *aliases.names(warehouse, person)]
    report = _together([_forget_key(project, key, by, reason, now, anyway=anyway) for key in persons])
    if report.confirmed or anyway:
        with project.warehouse() as warehouse, warehouse.transaction():
            aliases.erase(warehouse, persons)
    return report


def _together(reports: Sequence[Report]) -> Report:
    """One report of all keys of a person."""
    return Report(
        reports[0].person_hmac, [place for each in reports for place in each.places],
        [deletion for each in reports for deletion in each.deletions],
        {table: sum(each.erased.get(table, 0) for each in reports) for each in reports for table in each.erased},
        sorted({connection for each in reports for connection in each.no_delete_call}),
        sorted({key for each in reports for key in each.same_keys}))


def _forget_key(project: Project, person: str, by: str, reason: str, now: datetime, *, anyway: bool) -> Report:
    declared = {audience.name: audience for audience in project.declarations.audiences}
    accounts = [audience.name for audience in declared.values() if audience.key_kind == "account"]
    with project.warehouse() as warehouse, warehouse.transaction():
        digest = tombstones.digest(tombstones.make_key(warehouse, project.key_file), person)
        tombstones.add(warehouse, digest, by, reason, now)
        found = [place for place in tombstones.places(warehouse, person) if place[1] not in accounts]
        same = tombstones.gone_with_the_same_keys(warehouse, person)
    places = [_leave(project, declared.get(audience), sync, connection, person) for sync, audience, connection in found]
    deletions = list(_delete(project, declared, found, person))
    open_at = {each.connection for each in deletions if each.outcome == "unconfirmed"}
    erasable = [place.sync for place in places
                if anyway or (place.outcome != "unconfirmed" and place.connection not in open_at)]
    with project.warehouse() as warehouse, warehouse.transaction():
        erased = tombstones.erase(warehouse, person, erasable, accounts)
    for sync in erasable:
        project.compact_journal(sync)
    without = {connection for _, _, connection in found} - {each.connection for each in deletions}
    return Report(digest, places, deletions, erased, sorted(without), same)


def _leave(project: Project, audience: Audience | None, sync: str, connection: str, person: str) -> Place:
    """Take the person out of one channel."""
    tasks, faults = project.tasks(audience, connection) if audience else ([], [])
    tasks = [task for task in tasks if task.sync_id == sync]
    if audience is None or not tasks:
        why = str(faults[0]) if faults else "the sync is no longer declared: remove them in the channel by hand"
        return Place(sync, connection, "unconfirmed", why)
    try:
        with project.alone(audience.name, f"forget-{secrets.token_hex(6)}") as ports:
            run = Removal(Subject(audience, tasks[0].sync, tasks[0].destination, ()), ports)
            return run.remove(person, connection)
    except TailraceError as error:
        return Place(sync, connection, "unconfirmed", str(error))


def _delete(
    project: Project, declared: Mapping[str, Audience], found: Sequence[tuple[str, str, str]], person: str
) -> Iterator[Deletion]:
    """Have the person's profile deleted wherever a channel can."""
    by_connection: dict[str, list[tuple[str, str]]] = {}
    for sync, audience, connection in found:
        by_connection.setdefault(connection, []).append((sync, audience))
    for connection, syncs in by_connection.items():
        known = [declared[audience] for _, audience in syncs if audience in declared]
        tasks = [(audience, task) for audience in known for task in project.tasks(audience, connection)[0]]
        if not tasks or Operation.DELETE not in tasks[0][1].destination.capabilities.operations:
            continue
        with project.warehouse() as warehouse:
            told = tombstones.told(warehouse, connection, [sync for sync, _ in syncs], person)
        members = [named(f"delete-{secrets.token_hex(8)}", identifiers, person, remote_id=remote)
                   for _, identifiers, remote in told]
        yield _ask_to_delete(project, *tasks[0], connection, members)


def _ask_to_delete(
    project: Project, audience: Audience, task: Task, connection: str, members: Sequence[Member]
) -> Deletion:
    destination, outcomes = task.destination, list[Outcome]()
    limits = destination.capabilities.operations[Operation.DELETE]
    try:
        with (project.alone(audience.name, f"forget-{secrets.token_hex(6)}") as ports,
              closing(ports.transport()) as transport, closing(ports.journal(task.sync_id)) as journal):
            courier = Courier(connection, credential_of(destination), destination, journal, ports.pace, ports.clock)
            for at in range(0, len(members), limits.rows):
                batch = Batch(Operation.DELETE, tuple(members[at : at + limits.rows]), audience.name,
                              at=ports.clock.now().replace(tzinfo=UTC))
                outcomes += converse(courier, destination.deliver(batch), transport, ports.clock, limits)
    except TailraceError as error:
        return Deletion(connection, "unconfirmed", str(error))
    refused = [outcome for outcome in outcomes if outcome.verdict is not Verdict.ACCEPTED]
    if refused:
        return Deletion(connection, "unconfirmed", refused[0].reason)
    return Deletion(connection, "deleted" if members else "nothing")


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
        if self._courier.gone and not count:
            return Place(self._id, connection, "nothing", "the list is gone")
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


def lines(report: Report, *, rewritten: bool, published: bool) -> Iterator[str]:
    """The report as a person reads it; it names nobody."""
    yield f"Forgotten from now on, as {report.person_hmac[:16]}…"
    for place in report.places:
        said = {"removed": "removed", "nothing": "held nothing of them, or only what others share"}
        yield f"  {place.sync}: {said.get(place.outcome, f'NOT CONFIRMED: {place.detail}')}"
    for each in report.deletions:
        ended = {"deleted": "has taken over to delete the profile", "nothing": "holds no profile that is theirs alone"}
        yield f"  {each.connection}: {ended.get(each.outcome, f'PROFILE NOT DELETED: {each.detail}')}"
    rows = ", ".join(f"{count:,} of {table}" for table, count in report.erased.items() if count)
    yield f"Erased: {rows or 'nothing was recorded'}."
    if published:
        yield "The copy for BI was published anew."
    if report.no_delete_call:
        yield (f"Left to you: {', '.join(report.no_delete_call)} may keep a profile and past messages: there is no "
               "call that deletes them, so ask the channel.")
    if report.same_keys:
        yield (f"Left to you: {', '.join(report.same_keys)} had the same address in a channel and is in no audience."
               " Is it an older key of theirs? Then forget it too.")
    if not rewritten:
        yield ("Left to you: deleted rows can remain as bytes in free pages of a DuckDB file; --rewrite-file writes it "
               "anew, best after your own sources are clean.")
    yield "Left to you: your own sources, models, snapshots and backups, and copies of the warehouse."
    if not report.confirmed:
        yield "Run it again when what is not confirmed can be: nothing else removes what is recorded there."
