"""Which messages wait to be decided about: one for each entry into the audience and for each follow-up whose time has
come or will, under one id for ever.

An entry is a person and the snapshot at which the present stay began, read from the history of membership, so that a
crash between snapshot and plan loses none. The id of a message is made of trigger, person and entry; its payload and
time are frozen with the first operation that was planned for it. A stay that goes on under another key keeps the id of
the key it began with, so that a merge of persons is no second welcome. A follow-up is found by the message that it
follows, so it goes out though the person has left the audience since.

Members who were there before the trigger (`trigger_since`) cause nothing, or a silent record where the channel has a
flag for that. A message in doubt that nothing repeats is left to a person, who may have it sent again under its id
(`asked`: then however old it is) or count it as sent; the decision is a receipt behind the last one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pipelines.warehouse.protocol import Warehouse, literal

FOUND = {
    "candidate_id": "varchar", "op_id": "varchar", "known_op": "varchar", "step": "varchar", "event": "varchar",
    "person_key": "varchar", "stay": "varchar", "entry_id": "bigint", "entered_at": "timestamp",
    "happened_at": "timestamp", "due_at": "timestamp", "expires_at": "timestamp", "silent": "boolean",
    "asked": "boolean", "outcome": "varchar", "standing": "varchar", "is_wanted": "boolean", "dest_key": "varchar",
    "identifiers": "varchar", "kept": "varchar", "at_goal": "boolean", "when_left": "boolean"}
"""Columns of what is found."""

# What never left this side says nothing about what did before: a message in doubt stays in doubt when its repeat was
# planned and not sent. Only a person's word to send it again counts.
HISTORY = """
    select o.person_key, coalesce(n.began_as, o.person_key) as stay, o.snapshot_id, o.op_id, o.dest_key,
        o.payload_hash, o.identifiers, o.attributes, o.silent, o.occurred_at, o.epoch, o.planned_at, r.outcome,
        row_number() over (
            partition by o.op_id
            order by coalesce(r.outcome in ('void', 'suppressed') and r.reason <> 'operator: resend', false),
                o.epoch desc, r.attempt desc) as newest,
        min(o.planned_at) over (partition by o.op_id) as first_planned_at
    from activation.op as o
    left join activation.receipt as r on o.sync_id = r.sync_id and o.epoch = r.epoch and o.op_id = r.op_id
    left join (
        select distinct person_key, entry_id, began_as from activation.membership
        where audience = $audience and began_as is not null
    ) as n on o.person_key = n.person_key and o.snapshot_id = n.entry_id
    where o.sync_id = $sync_id and o.action = 'event' and coalesce(o.step, '') = """

ENTRIES = """
    select m.person_key, coalesce(m.began_as, m.person_key) as stay, m.entry_id, s.taken_at as entered_at,
        {happened} as happened_at, s.taken_at as due_at, cast(null as timestamp) as expires_at,
        m.entry_id <= $since as silent, m.standing, d.person_key is not null as is_wanted, d.dest_key, d.identifiers,
        cast(null as varchar) as kept
    from activation.membership as m
    inner join activation.snapshot as s on m.audience = s.audience and m.entry_id = s.snapshot_id
    left join activation.desired as d on d.sync_id = $sync_id and d.person_key = m.person_key
    {rows}
    where m.audience = $audience and m.valid_to is null
        and (m.entry_id > $since or ($silently and m.standing = 'sent' and d.dest_key is not null))"""
"""Present stays."""

FOLLOWED = f"""
    select coalesce(m.person_key, h.person_key) as person_key, h.stay, h.snapshot_id as entry_id,
        h.occurred_at as entered_at, c.happened_at, c.decided_at + to_seconds($after) as due_at,
        c.decided_at + to_seconds($after + $max_age) as expires_at, false as silent,
        coalesce(m.standing, 'left') as standing,
        m.person_key is null or m.standing <> 'sent' or d.person_key is not null as is_wanted,
        case when m.person_key is null then l.dest_key else d.dest_key end as dest_key,
        case when m.person_key is null then l.identifiers else d.identifiers end as identifiers, h.attributes as kept
    from ({HISTORY}$follows) as h
    inner join (
        select * from activation.candidate as newest
        where sync_id = $sync_id and code = 'sent' and step = $follows and not exists (
            select 1 from activation.candidate as later
            where later.candidate_id = newest.candidate_id and later.nth > newest.nth)
    ) as c on c.op_id = h.op_id
    left join activation.membership as m on m.audience = $audience and m.valid_to is null
        and coalesce(m.began_as, m.person_key) = h.stay and m.entry_id = h.snapshot_id
    left join activation.desired as d on d.sync_id = $sync_id and d.person_key = m.person_key
    left join temp.gone as l on l.person_key = h.person_key
    where h.newest = 1 and h.outcome in ('ok', 'accepted', 'unknown')
        and c.decided_at + to_seconds($after + $max_age) >= $oldest"""
"""Messages that were sent, each with the person's place now."""

# Two keys that entered at once and became one have two messages of that stay: what was told counts for both.
OPEN = f"""
    insert into temp.found
    with every_attempt as ({HISTORY}$step),
    history as (
        select * from (
            select *, row_number() over (
                partition by stay, snapshot_id
                order by coalesce(outcome in ('void', 'suppressed'), false), coalesce(outcome = 'unknown', false), op_id
            ) as of_stay
            from every_attempt where newest = 1
        ) as each_message where of_stay = 1
    ),
    entries as ({{entries}})
    select md5(concat_ws('|', 'candidate', $scope, $step, e.stay, cast(e.entry_id as varchar))) as candidate_id,
        md5(concat_ws('|', 'trigger', $sync_id, $event, e.stay, cast(e.entry_id as varchar))) as op_id,
        h.op_id as known_op, $step as step, $event as event, e.person_key, e.stay, e.entry_id, e.entered_at,
        coalesce(e.happened_at, e.entered_at), e.due_at, e.expires_at, e.silent,
        resent.op_id is not null as asked,
        h.outcome, e.standing, e.is_wanted, e.dest_key, e.identifiers, e.kept, $at_goal as at_goal,
        $when_left as when_left
    from entries as e
    left join history as h on h.stay = e.stay and h.snapshot_id = e.entry_id
    left join (
        select distinct op_id from activation.decision where sync_id = $sync_id and kind = 'resend'
    ) as resent on resent.op_id = h.op_id
    where (
            h.op_id is null
            or h.outcome in ('void', 'suppressed')
            or (h.outcome = 'unknown' and $resend_within > 0
                and h.first_planned_at > $now - to_seconds($resend_within))
        )
        and not exists (
            select 1 from every_attempt as other where other.dest_key = e.dest_key and other.snapshot_id = e.entry_id
                and other.stay <> e.stay and other.outcome not in ('void', 'suppressed')
        )
        {{elsewhere}}"""

# Whatever else became of an operation that was never void: it may have been sent.
TOLD_BY = """and not exists (
            select 1 from activation.op as told
            left join activation.receipt as r
                on told.sync_id = r.sync_id and told.epoch = r.epoch and told.op_id = r.op_id
            where told.sync_id = {sync} and told.action = 'event' and told.snapshot_id = e.entry_id
                and told.op_id = md5(concat_ws('|', 'trigger', {sync}, $event, e.stay, cast(e.entry_id as varchar)))
                and coalesce(r.outcome, 'unknown') not in ('void', 'suppressed')
        )"""


def start(warehouse: Warehouse) -> None:
    """Leave an empty temp table `found`, and `gone`: those who have left and can be written to all the same."""
    for name in ("found", "gone"):
        warehouse.execute(f"drop table if exists temp.{name}")
    columns = ", ".join(f"{name} {kind}" for name, kind in FOUND.items())
    warehouse.execute(f"create temp table found ({columns})")
    warehouse.execute("create temp table gone (person_key varchar, dest_key varchar, identifiers varchar)")


def before(warehouse: Warehouse, audience: str, declared: Sequence[str]) -> list[str]:
    """Syncs that the audience once had: a connection was renamed, or another channel took its place."""
    return [sync for (sync,) in warehouse.query(
        "select sync_id from activation.sync_control where audience = ? and trigger_since is not null order by 1",
        [audience]) if sync not in declared]


def find_entries(warehouse: Warehouse, scope: Mapping[str, Any], happened: str | None) -> None:
    """Add entries that still need their message to `found`; those in the scope's terms:

    `since`: entries up to this snapshot were there before the trigger; they are found, as silent, only with `silently`.
    `resend_within`: seconds from its first plan during which a message in doubt may be sent again under its id; 0:
    never. `before`: what these syncs have told of the event is not told again. Two persons who enter with one
    identifier are told once, in whichever run. `at_goal`, `when_left`: what stops it. `happened`: quoted column of the
    audience that says when the cause was.
    """
    rows = "left join temp.audience_rows as r on r._key = m.person_key" if happened else ""
    moment = f"cast(r.{happened} as timestamp)" if happened else "cast(null as timestamp)"
    _find(warehouse, ENTRIES.format(happened=moment, rows=rows), {**scope, "step": ""})


def find_followed(warehouse: Warehouse, scope: Mapping[str, Any]) -> None:
    """Add a follow-up to `found` for each message that was sent of what it follows (`follows`, `after`, `max_age`).
    What has been too late since `oldest` is not found: the follow-up may not even have been declared then."""
    _find(warehouse, FOLLOWED, scope)


def find_gone(warehouse: Warehouse, audience: str, sync_id: str, since: datetime) -> list[str]:
    """Persons whom this sync has sent a message since then in a stay that is over."""
    return [person for (person,) in warehouse.query(
        """select distinct person_key from activation.candidate as c
        where sync_id = $sync_id and code = 'sent' and decided_at >= $since and not exists (
            select 1 from activation.membership as m where m.audience = $audience and m.valid_to is null
                and m.entry_id = c.entry_id and m.person_key = c.person_key)""",
        {"audience": audience, "sync_id": sync_id, "since": since})]


def _find(warehouse: Warehouse, entries: str, scope: Mapping[str, Any]) -> None:
    elsewhere = " ".join(TOLD_BY.format(sync=literal(sync)) for sync in scope["before"])
    sql = OPEN.format(entries=entries, elsewhere=elsewhere)
    named = set(re.findall(r"\$(\w+)", sql))
    warehouse.execute(sql, {name: value for name, value in scope.items() if name in named})
