"""The plan as rows: each change becomes an operation with an id and a place, committed before the first request.

Order within a plan: removals, then adds and updates, then removals of old keys of persons who go on under another one,
then messages; in each of these, shard by shard. (An address that changes while its person's key stays is removed first:
many channels know both as one profile, and would lose it with the old address.) A set operation gets a fresh id in each
plan (the channel must not answer it from its memory of an older one); a message keeps the id of its entry for ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from pipelines.audiences import SuppressionModel
from pipelines.state.suppressions import persons
from pipelines.warehouse.protocol import Warehouse


def find_removals(warehouse: Warehouse, *, matches_any: bool, replaces: bool) -> None:
    """Leave the temp table `removals`: whom to remove, under the identifiers that were sent.

    `matches_any`: the channel removes whoever matches any identifier, so those that a wanted member also has are left
    out. `replaces`: identifiers that an update no longer has are removed too, ahead of it.
    """
    warehouse.execute("drop table if exists temp.removals")
    warehouse.execute("""create temp table removals as
        select dest_key, held_identifiers as identifiers from temp.changes where action = 'remove'""")
    if not matches_any:
        return
    gone = warehouse.query("select dest_key, held_identifiers, null from temp.changes where action = 'remove'")
    moved = warehouse.query("""select dest_key, held_identifiers, identifiers from temp.changes
        where action = 'update' and held_identifiers <> identifiers""") if replaces else []
    if gone or moved:
        spared = dict(_spare(warehouse, [*gone, *moved]))
        warehouse.execute("delete from temp.removals")
        warehouse.insert("temp.removals", {"dest_key": list(spared), "identifiers": list(spared.values())})


def keep_only_suppressed(
    warehouse: Warehouse, suppressions: Sequence[SuppressionModel], *, adds: bool = False
) -> None:
    """Of a held plan, keep the removals of persons who must be spared now: those go out whatever a guard says.

    `adds`: keep the adds and updates too, of an audience that is itself a list of persons to spare.
    """
    warehouse.execute(f"delete from temp.changes where action = 'remove' or not {adds}")
    warehouse.execute("delete from temp.whole")
    warehouse.execute(
        f"""delete from temp.removals where json_extract_string(identifiers, '$.person') not in (
            select _key from ({persons(suppressions)}) as spared where _key is not null)""")


def _spare(warehouse: Warehouse, rows: list[tuple[str, str, str | None]]) -> Iterator[tuple[str, str]]:
    asked = sorted({value for _, held, _ in rows for value in json.loads(held).values()})
    warehouse.execute("drop table if exists temp.asked")
    warehouse.execute("create temp table asked (value varchar)")
    warehouse.insert("temp.asked", {"value": asked})
    shared = set(warehouse.query(
        f"select distinct name, value from ({warehouse.entries('select identifiers from temp.wanted', 'identifiers')})"
        " where value in (select value from temp.asked)"))
    for dest_key, held, _ in rows:
        gone = {kind: value for kind, value in json.loads(held).items() if (kind, value) not in shared}
        if gone:
            yield dest_key, json.dumps(gone, sort_keys=True)


def take_whole(warehouse: Warehouse) -> bool:
    """Turn `changes` and `removals` into the whole list, where it is to be replaced; whether it is.

    Removals of such a plan are sent to nobody: they record who is gone once the list is in place.
    """
    [(count,)] = warehouse.query("select count(*) from temp.whole")
    if not count:
        return False
    warehouse.execute("delete from temp.removals")
    warehouse.execute("""insert into temp.removals (dest_key, identifiers)
        select dest_key, held_identifiers from temp.changes where action = 'remove'""")
    warehouse.execute("delete from temp.changes")
    warehouse.execute("""insert into temp.changes (dest_key, person_key, payload_hash, identifiers, attributes, action)
        select dest_key, person_key, payload_hash, identifiers, attributes, 'add' from temp.wanted""")
    return True


SET_OPS = """
    insert into activation.op (sync_id, epoch, seq, op_id, action, dest_key, person_key, payload_hash, identifiers,
        attributes, silent, snapshot_id, journal_id, planned_at)
    with renamed as (
        select distinct k.person_key from temp.kin as k
        inner join temp.kin as other on k.root = other.root and k.person_key <> other.person_key
        inner join temp.wanted as w on other.person_key = w.person_key
    ),
    planned as (
        select 0 as phase, 'replace' as action, '*' as dest_key, null as person_key, payload_hash, '{}' as identifiers,
            '{}' as attributes from temp.whole
        union all
        select case when n.person_key is null then 1 else 3 end, 'remove', r.dest_key,
            json_extract_string(r.identifiers, '$.person'), '-', r.identifiers, '{}'
        from temp.removals as r
        left join renamed as n on json_extract_string(r.identifiers, '$.person') = n.person_key
        union all
        select 2, action, dest_key, person_key, payload_hash, identifiers, attributes
        from temp.changes where action <> 'remove'
    )
    select $sync_id, $epoch, row_number() over (order by phase, dest_key) - (select count(*) from temp.whole),
        md5(concat_ws('|', 'set', $sync_id, dest_key, action, payload_hash, cast($epoch as varchar))),
        action, dest_key, person_key, payload_hash, identifiers, attributes, $silent, $snapshot_id, $journal_id, $now
    from planned"""

EVENTS = """
    insert into activation.op (sync_id, epoch, seq, op_id, action, dest_key, person_key, payload_hash, identifiers,
        attributes, silent, snapshot_id, occurred_at, step, journal_id, planned_at)
    select $sync_id, $epoch, $after + row_number() over (order by entered_at, dest_key, event),
        md5(concat_ws('|', 'trigger', $sync_id, event, stay, cast(entry_id as varchar))),
        'event', dest_key, person_key, '', identifiers, coalesce(frozen, '{}'), silent, entry_id, entered_at,
        nullif(step, ''), $journal_id, $now
    from (
        select d.dest_key, d.person_key, d.identifiers, d.silent, d.entry_id, d.entered_at, d.stay, d.step, d.event,
            coalesce(f.attributes, p.attributes, d.kept) as frozen
        from temp.due as d
        left join temp.payloads as p on d.person_key = p.person_key
        left join (
            select op_id, min(attributes) as attributes from activation.op
            where sync_id = $sync_id and action = 'event' group by op_id
        ) as f on d.op_id = f.op_id
    )"""


def _by_shard(statement: str, first: str, source: str) -> str:
    """The same with the operations of a shard beside each other; `first`: what orders them, `source`: what they are."""
    return statement.replace(f"(order by {first}", f"(order by {first}shard, ").replace(
        source, f"{source} left join temp.shards on placed = dest_key")


SHARDED_SET_OPS = _by_shard(SET_OPS, "phase, ", "from planned")
SHARDED_EVENTS = _by_shard(EVENTS, "", "\n    )")


def write(
    warehouse: Warehouse, sync_id: str, epoch: int, snapshot_id: int, journal_id: str, now: datetime, *, silent: bool,
    sharded: bool = False,
) -> int:
    """Commit the set operations of `changes`, `removals` and `whole`; returns how many there are.

    `sharded`: in which shard they are is in `shards`.
    """
    warehouse.execute("create temp table if not exists kin (person_key varchar, root varchar)")
    warehouse.execute(SHARDED_SET_OPS if sharded else SET_OPS, {
        "sync_id": sync_id, "epoch": epoch, "snapshot_id": snapshot_id, "silent": silent, "journal_id": journal_id,
        "now": now})
    [(written,)] = warehouse.query("select count(*) from activation.op where sync_id = ? and epoch = ?",
                                   [sync_id, epoch])
    return int(written)


def write_events(
    warehouse: Warehouse, sync_id: str, epoch: int, journal_id: str, now: datetime, after: int, *,
    sharded: bool = False,
) -> None:
    """Commit the messages of `due` (payloads in `payloads`), behind place `after`.

    Stale ones are written too, with a receipt that says so: they send nothing, ever, unless a person asked for it.
    """
    scope = {"sync_id": sync_id, "epoch": epoch}
    warehouse.execute(SHARDED_EVENTS if sharded else EVENTS, {
        **scope, "journal_id": journal_id, "now": now, "after": after})
    warehouse.execute(
        """insert into activation.receipt (sync_id, epoch, op_id, attempt, seq, outcome, reason, recorded_at)
        select sync_id, epoch, op_id, 0, seq, 'stale', 'older than max_age', $now from activation.op
        where sync_id = $sync_id and epoch = $epoch and action = 'event' and exists (
            select 1 from temp.due as d where d.is_stale and d.dest_key = op.dest_key and d.entry_id = op.snapshot_id
                and d.step = coalesce(op.step, '') and d.person_key = op.person_key)""", {**scope, "now": now})
