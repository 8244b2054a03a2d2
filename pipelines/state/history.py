"""What is recorded of one person: where they stand in each audience and why, and what each channel was told of them.

Keys only, unless values are asked for: an identifier is a person's own, and so is what a channel keys on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelines.audiences import Audience, SuppressionModel
from pipelines.state import holdouts, rejects, unresolved
from pipelines.warehouse.protocol import Warehouse, quote


@dataclass(frozen=True, slots=True)
class Standing:
    """A person's place in one audience."""

    audience: str
    in_segment: bool
    """Whether the audience table has them now."""
    recorded: str | None
    """Standing in the last accepted snapshot that has them: sent · held_out · suppressed; None: in none so far."""
    since_snapshot: int | None
    since: datetime | None
    """The moment that snapshot speaks of, UTC without zone."""
    left_at: datetime | None
    """When they had left, if they are out."""
    suppressed_by: list[str]
    """Suppression models that have them now."""
    held_out_by: str | None
    """Salt by which they are left out now."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of sending one operation."""

    at: datetime
    outcome: str
    http_status: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Told:
    """One operation that was planned for the person."""

    op_id: str
    action: str
    planned_at: datetime
    attempts: list[Attempt]
    values: dict[str, Any] | None
    """Identifiers and attributes, where they were asked for."""


@dataclass(frozen=True, slots=True)
class Account:
    """One sync's dealings with the person."""

    sync: str
    person: str
    """The key it was dealt with under: the person's, or another that is the same person's."""
    states: list[str]
    """What the ledger says of each key the person has in the channel: present · absent · unknown."""
    doubtful_until: datetime | None
    """Until when something may still arrive that contradicts it."""
    shared_with: int
    """Other persons who have the same key there now."""
    unusable: str
    """Why they cannot be sent at all, or nothing."""
    told: list[Told]
    refused: list[rejects.Rejected]
    in_doubt: list[unresolved.Unresolved]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to the person, as it was recorded."""

    at: datetime | None
    where: str
    """Audience or sync."""
    what: str
    values: dict[str, Any] | None = None
    """Identifiers and attributes, where they were asked for."""


def stand(warehouse: Warehouse, audience: Audience, suppressions: Sequence[SuppressionModel], person: str) -> Standing:
    """Where the person stands in this audience, by its table now and by the last snapshot."""
    def has(relation: str, key: str) -> bool:
        if warehouse.columns(relation) is None:
            return False
        found = warehouse.query(f"select 1 from {relation} where cast({quote(key)} as varchar) = ? limit 1", [person])
        return bool(found)

    rows = warehouse.query(
        """select m.standing, m.valid_from, s.taken_at, e.taken_at from activation.membership as m
        left join activation.snapshot as s on m.audience = s.audience and m.valid_from = s.snapshot_id
        left join activation.snapshot as e on m.audience = e.audience and m.valid_to = e.snapshot_id
        where m.audience = ? and m.person_key = ? order by m.valid_from desc limit 1""", [audience.name, person])
    standing, snapshot, since, left_at = rows[0] if rows else (None, None, None, None)
    return Standing(audience.name, has(audience.relation, audience.key), standing, snapshot, since, left_at,
                    list(_suppressed_by(warehouse, suppressions, person, has)),
                    audience.holdout_salt if holdouts.is_held_out(warehouse, audience, person) else None)


def _suppressed_by(
    warehouse: Warehouse, suppressions: Sequence[SuppressionModel], person: str, has: Callable[[str, str], bool]
) -> Iterator[str]:
    last_good = {name for (name,) in warehouse.query(
        "select model from activation.spared where person_key = ?", [person])}
    for model in suppressions:
        if model.salt:
            yield from [model.name] if model.name in last_good else []
        elif has(model.relation, model.key):
            yield model.name
        elif model.name in last_good:
            yield f"{model.name} (its last good list)"


def accounts(warehouse: Warehouse, person: str, now: datetime, *, values: bool = False) -> list[Account]:
    """What each sync recorded of the person, oldest operation first."""
    syncs = [sync for (sync,) in warehouse.query(
        """select distinct sync_id from (
            select sync_id from activation.op where person_key = $person
            union all select sync_id from activation.desired where person_key = $person
            union all select sync_id from activation.ledger where person_key = $person) order by 1""",
        {"person": person})]
    refused, doubts = rejects.find(warehouse, now, syncs), unresolved.find(warehouse, now, syncs)
    return [_account(warehouse, sync, person, [row for row in refused if (row.sync, row.person) == (sync, person)],
                     [row for row in doubts if (row.sync, row.person) == (sync, person)], values=values)
            for sync in syncs]


def _account(
    warehouse: Warehouse, sync: str, person: str, refused: list[rejects.Rejected],
    in_doubt: list[unresolved.Unresolved], *, values: bool,
) -> Account:
    scope = {"sync": sync, "person": person}
    ledger = warehouse.query(
        """select state, doubtful_until from activation.ledger
        where sync_id = $sync and (person_key = $person or dest_key in (
            select dest_key from activation.op
            where sync_id = $sync and person_key = $person and action <> 'event'))
        order by dest_key""", scope)
    [(shared,)] = warehouse.query(
        """select count(*) from activation.desired where sync_id = $sync and person_key <> $person and dest_key in (
            select dest_key from activation.desired where sync_id = $sync and person_key = $person)""", scope)
    unusable = warehouse.query("""select reason from activation.desired
        where sync_id = $sync and person_key = $person and dest_key is null""", scope)
    return Account(sync, person, [state for state, _ in ledger],
                   max((until for _, until in ledger if until), default=None), shared,
                   unusable[0][0] if unusable else "", _told(warehouse, sync, person, values=values), refused, in_doubt)


def _told(warehouse: Warehouse, sync: str, person: str, *, values: bool) -> list[Told]:
    found: dict[tuple[int, str], Told] = {}
    for epoch, op_id, action, planned_at, identifiers, attributes, *attempt in warehouse.query(
            """select o.epoch, o.op_id, o.action, o.planned_at, o.identifiers, o.attributes, r.recorded_at, r.outcome,
                r.http_status, coalesce(r.reason, '')
            from activation.op as o
            left join activation.receipt as r on o.sync_id = r.sync_id and o.epoch = r.epoch and o.op_id = r.op_id
            where o.sync_id = ? and o.person_key = ? order by o.epoch, o.seq, r.attempt""", [sync, person]):
        shown = {"identifiers": json.loads(identifiers), "attributes": json.loads(attributes)} if values else None
        told = found.setdefault((epoch, op_id), Told(op_id, action, planned_at, [], shown))
        if attempt[0] is not None:
            told.attempts.append(Attempt(*attempt))
    return list(found.values())
