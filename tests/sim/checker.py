"""What must hold, whatever happened: judged by what the channel really applied, never by the engine's own word."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pipelines.delivery.journal import Journal
from pipelines.planning.draft import lateness
from pipelines.run import Result
from tests.sim.channels import WINDOW
from tests.sim.world import MAPPINGS, Person, Violation, World, root

FINAL = {"ok", "rejected", "void", "suppressed", "unknown", "stale"}
REFUSALS = 5


def check_result(result: Result) -> None:
    """A run accounts for every change of its plan."""
    if result.plan.held or "took over" in result.reason:
        return
    counted = result.accepted + result.rejected + result.deferred + result.unknown + result.pending
    if counted != result.plan.changes:
        raise Violation(f"accounting: {result.plan.changes} changes were planned and {counted} ended: {result}")


def check_window(world: World) -> None:
    """After a run without faults, no message in doubt waits that may still be repeated under its id.

    Another message of the same entry to the same address, whoever it was for, counts for it.
    """
    if world.scenario.kind not in ("dedupe", "mixed", "repeated"):
        return
    window = 90 * WINDOW if world.scenario.kind == "repeated" else WINDOW - lateness(world.destination)
    until = world.at().replace(tzinfo=None) - timedelta(seconds=window)
    waiting = world.query(
        """with last as (
            select o.op_id, o.person_key, o.snapshot_id, r.outcome,
                row_number() over (
                    partition by o.op_id order by coalesce(r.outcome in ('void', 'suppressed'), false), o.epoch desc,
                        r.attempt desc) as nth,
                min(o.planned_at) over (partition by o.op_id) as first_planned
            from activation.op as o left join activation.receipt as r
                on r.sync_id = o.sync_id and r.epoch = o.epoch and r.op_id = o.op_id
            where o.action = 'event')
        select op_id, person_key, snapshot_id from last
        where nth = 1 and outcome in ('unknown', 'void') and first_planned > ?""",
        [until])
    stays = _stays(world)
    told = set(world.query("""select o.dest_key, o.snapshot_id, o.op_id from activation.op as o
        inner join activation.receipt as r on r.sync_id = o.sync_id and r.epoch = o.epoch and r.op_id = o.op_id
        where o.action = 'event' and r.outcome not in ('void', 'suppressed')"""))
    stuck = [(person, entry) for op, key, entry in waiting if (person := root(world.merged, key)) in stays
             and op == _message_id(stays[person].began_as, entry) and stays[person].entry == entry
             and _reachable(world, person) and _is_sent(world, person)
             and not any(key == f"email:{world.people[person].email}" and of == entry and other != op
                         for key, of, other in told)]
    if stuck:
        raise Violation(f"window: messages {stuck} are in doubt inside their window and were not sent again")


def check_gone(world: World) -> None:
    """After a run without faults, nobody is left in the channel who should not be: removals never rest."""
    wanted = {} if world.messages_only else world.truth_now().wanted
    if world.scenario.kind != "async" and (left := sorted(world.channel.members.keys() - wanted.keys())):
        raise Violation(f"lingering: {left} should be gone")


def check_end(world: World, journal: Journal) -> None:
    """Everything that must hold when all is quiet."""
    _check_history(world)
    _check_outcomes(world, journal)
    _check_members(world)
    _check_ledger(world)
    _check_justified(world)
    if world.sync.trigger:
        _check_messages(world)


def _check_history(world: World) -> None:
    rows = world.query("select person_key, standing, valid_from, valid_to from activation.membership")
    for number, truth in world.truth.items():
        then = {person: standing for person, standing, since, until in rows
                if since <= number and (until is None or number < until)}
        if then != truth.standings:
            raise Violation(f"history: snapshot {number} was {truth.standings} and reads {then}")


def _check_outcomes(world: World, journal: Journal) -> None:
    endings: dict[str, list[tuple[int, int, str | None]]] = defaultdict(list)
    for op, epoch, attempt, outcome in world.query(
            """select o.op_id, o.epoch, r.attempt, r.outcome from activation.op as o left join activation.receipt as r
            on r.sync_id = o.sync_id and r.epoch = o.epoch and r.op_id = o.op_id"""):
        endings[f"{epoch}/{op}"].append((epoch, attempt or 0, outcome))
    lost = {op: sorted(found)[-1][2] for op, found in endings.items() if sorted(found)[-1][2] not in FINAL}
    if lost:
        raise Violation(f"outcome: operations without a final outcome: {lost}")
    applied = {row.op_id for row in world.channel.applied}
    if world.scenario.kind == "replace":  # a list that takes another's place names nobody who is gone
        applied |= {op for op, in world.query("select op_id from activation.op where action in ('replace', 'remove')")}
    boasted = [op for op, found in endings.items() if any(last[2] == "ok" for last in found)
               and op.partition("/")[2] not in applied]
    if boasted:
        raise Violation(f"boast: recorded as ok and never applied: {boasted}")
    if any(left := (journal.results(), journal.open_claims())):
        raise Violation(f"journal: results or claims are left: {left}")
    if doubled := world.query(
            """select epoch, op_id, attempt, count(*) from activation.receipt group by epoch, op_id, attempt
            having count(*) > 1"""):
        raise Violation(f"receipts: written twice: {doubled}")


def _check_members(world: World) -> None:
    resting = {key.removeprefix("email:") for key, in world.query(
        """select o.dest_key from activation.op as o inner join activation.receipt as r
            on r.sync_id = o.sync_id and r.epoch = o.epoch and r.op_id = o.op_id
        where r.outcome = 'rejected' and o.action in ('add', 'update')
        group by o.dest_key having count(*) >= ?""", [REFUSALS])}
    wanted = {} if world.messages_only else {email: _payload(world, *found) for email, found in
                                             world.truth_now().wanted.items() if email not in world.channel.poison}
    held = world.channel.members
    wrong = {email for email in {*wanted, *held} if wanted.get(email) != held.get(email)}
    excused = wrong & resting & wanted.keys() & world.channel.refused
    if wrong - excused:
        raise Violation("members: " + "; ".join(f"{email} is {held.get(email)} and should be {wanted.get(email)}"
                                                for email in sorted(wrong - excused)))


def _check_ledger(world: World) -> None:
    told = {key.removeprefix("email:"): payload for key, payload in world.query(
        "select dest_key, payload_hash from activation.delivered")}
    held = {email: _hash(member) for email, member in world.channel.members.items()}
    if told != held:
        raise Violation(f"ledger: it says {sorted(told)} and the channel has {sorted(held)}, or other payloads")


def _check_justified(world: World) -> None:
    planned = dict(world.query("select op_id, snapshot_id from activation.op where action <> 'event'"))
    persons = dict(world.query("select op_id, person_key from activation.op where action = 'remove'"))
    wanted = {number: truth.wanted for number, truth in world.truth.items()}
    for row in world.channel.applied:
        if row.do == "trigger":
            continue
        if (held := world.held.get(planned.get(row.op_id, 0))) and row.do == "remove":
            if not world.was_suppressed(persons[row.op_id], held.at, row.at):
                raise Violation(f"held: {row} was sent while its plan was held")
            continue
        if planned.get(row.op_id) not in wanted:
            raise Violation(f"unplanned: {row} was applied and no accepted snapshot led to it")
        if (row.email in wanted[planned[row.op_id]]) == (row.do == "remove"):
            raise Violation(f"unjustified: {row} contradicts snapshot {planned[row.op_id]}")


def _check_messages(world: World) -> None:
    entries = {_message_id(stay.began_as, stay.entry): (stay.began_as, stay.entry) for stay in _entries(world)}
    told = Counter[tuple[str, int]]()
    by_email = Counter[tuple[str, int]]()
    transmissions = set[tuple[str, int]]()
    for row in world.channel.applied:
        if row.do != "trigger" or (row.op_id, row.transmission) in transmissions:
            continue
        transmissions.add((row.op_id, row.transmission))
        if row.op_id not in entries:
            raise Violation(f"stranger: message {row} belongs to no entry")
        told[entries[row.op_id]] += 1
        by_email[row.email, entries[row.op_id][1]] += 1
    if world.scenario.kind == "repeated":
        doubted = {row[0] for row in world.query("select op_id from activation.receipt where outcome = 'unknown'")}
        sure = {entries[op]: told[entries[op]] for op in entries if op not in doubted and told[entries[op]] > 1}
        counters: tuple[tuple[Any, str], ...] = ((sure, "entry without a doubt"),)
    else:
        counters = ((told, "entry"), (by_email, "e-mail"))
    for counted, what in counters:
        if doubled := {key: times for key, times in counted.items() if times > 1}:
            raise Violation(f"double: told more than once for one {what}: {doubled}")
    since = world.since or 0
    if early := [entry for entry in told if entry[1] <= since]:
        raise Violation(f"early: messages for entries before the trigger: {early}")
    _check_nobody_forgotten(world, told, by_email, since)


def _check_nobody_forgotten(
    world: World, told: Counter[tuple[str, int]], by_email: Counter[tuple[str, int]], since: int
) -> None:
    listed = set(world.query(
        """select o.dest_key, o.snapshot_id from activation.undelivered as u inner join activation.op as o
            on u.op_id = o.op_id where u.action = 'event' and u.outcome <> 'suppressed'"""))
    for person, stay in _stays(world).items():
        entry = stay.entry
        if entry <= since or not _is_sent(world, person) or not _reachable(world, person):
            continue
        email = world.people[person].email or ""
        keys = {person, *(old for old in world.merged if root(world.merged, old) == person)}
        silent = sum(told[key, entry] for key in keys) + by_email[email, entry] == 0
        if silent and (f"email:{email}", entry) not in listed and not any(_listed(world, key, entry) for key in keys):
            raise Violation(f"forgotten: {person} entered at snapshot {entry}, was told nothing, and is not listed")


def _listed(world: World, person: str, entry: int) -> bool:
    return bool(world.query(
        """select 1 from activation.undelivered as u inner join activation.op as o on u.op_id = o.op_id
        where u.person_key = ? and o.snapshot_id = ? and u.outcome <> 'suppressed'""", [person, entry]))


@dataclass(frozen=True, slots=True, order=True)
class Stay:
    """A stay in the audience, under whichever keys."""

    entry: int
    """The snapshot at which it began."""
    began_as: str
    """The key that the person had then."""


def _history(world: World) -> Iterator[dict[str, Stay]]:
    """Person → stay, at each snapshot. Who takes the place of an older key of theirs goes on with its stay, of several
    with the eldest."""
    before: dict[str, Stay] = {}
    for number, truth in sorted(world.truth.items()):
        heirs: dict[str, Stay] = {}
        for stay, key in sorted((stay, key) for key, stay in before.items()):
            heirs.setdefault(root(truth.merged, key), stay)
        before = {person: before.get(person) or heirs.get(person) or Stay(number, person)
                  for person in truth.standings}
        yield before


def _entries(world: World) -> set[Stay]:
    """Each stay that ever was."""
    return {stay for stays in _history(world) for stay in stays.values()}


def _stays(world: World) -> dict[str, Stay]:
    """Person → the present stay."""
    *_, newest = ({}, *_history(world))
    return newest


def _is_sent(world: World, person: str) -> bool:
    return person not in world.suppressed and not world.is_held_out(person)


def _reachable(world: World, person: str) -> bool:
    row = world.people.get(person)
    return row is not None and row.email is not None and row.email not in world.channel.poison


def _message_id(person: str, entry: int) -> str:
    return hashlib.md5(f"trigger|cart__sim|cart_abandoned|{person}|{entry}".encode()).hexdigest()


def _payload(world: World, person: str, row: Person) -> dict[str, Any]:
    mapping = MAPPINGS[world.mapping % len(MAPPINGS)]
    names = mapping if isinstance(mapping, dict) else {column: column for column in mapping}
    return {"identifiers": {"person": person, "email": row.email},
            "attributes": {name: getattr(row, column) for column, name in names.items()}}


def _hash(member: dict[str, Any]) -> str:
    payload = json.dumps([1, member["identifiers"], member["attributes"]], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(payload.encode()).hexdigest()
