"""Take a snapshot: who is in the segment now, with which standing, and who entered or left since the last one.

The rows of an audience are read once into `audience_rows` (a temp view; over a temp table when keys repeat or others
may write meanwhile), their standings into `segment`. History is kept as intervals of snapshot ids, never of times: a
late fact changes the next snapshot and rewrites none. `entry_id` is the snapshot at which the present stay began; it
survives a change of standing, so a person whose suppression ends does not enter a second time. Nor does
one who goes on under another key (`aliases`): `began_as` then keeps the key under which the stay began.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.audiences import Audience, SuppressionModel
from pipelines.errors import WarehouseError, did_you_mean
from pipelines.state import holdouts, suppressions, tombstones
from pipelines.warehouse.protocol import Warehouse, quote


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Frozen membership at one time, as counts; the members are in `activation.membership`."""

    audience: str
    id: int
    """Grows by one with each snapshot of the audience."""
    taken_at: datetime
    """The moment the audience speaks of (`as_of`), UTC."""
    segment: int
    """Persons who satisfy the condition now."""
    suppressed: int
    held_out: int
    entered: int
    """Persons who were not in the segment at the last snapshot."""
    left: int
    null_keys: int
    """Rows without a key: nobody can be told from them, so they are counted and never sent."""
    duplicates: int
    """Rows beside the one that was picked for their key."""
    doubt: str = ""
    """Why it is held: what a guard says against it, or nothing."""


@dataclass(frozen=True, slots=True)
class View:
    """What the audience looks like now, not yet recorded; `audience_rows`, `segment` and `moved` hold the rows."""

    segment: int
    suppressed: int
    held_out: int
    before: int
    """Persons in the segment at the last accepted snapshot."""
    entered: int
    left: int
    recent_entries: list[int]
    """Entries of the last seven accepted snapshots that had any, the first one not counted."""
    peak: int
    """The largest accepted segment of the last seven days, or since a doubtful one was approved."""
    null_keys: int
    duplicates: int
    missing: tuple[str, ...]
    """Declared columns that the table lacks; they read as null."""


def look(
    warehouse: Warehouse, audience: Audience, spared: Sequence[SuppressionModel], key: tombstones.Key, at: datetime
) -> View:
    """Read the audience, give each row a standing and compare with the last accepted snapshot."""
    missing, null_keys, duplicates = _read_rows(warehouse, audience)
    _judge(warehouse, audience, spared)
    if audience.key_kind == "person":
        tombstones.leave_out(warehouse, key)
    before, entered, left = _compare(warehouse, audience.name)
    counts: dict[str, int] = dict(warehouse.query("select standing, count(*) from temp.segment group by standing"))
    recent = [row[0] for row in warehouse.query(
        """select entered from activation.snapshot
        where audience = ? and status = 'accepted' and snapshot_id > 1 and entered > 0
        order by snapshot_id desc limit 7""", [audience.name])]
    return View(sum(counts.values()), counts.get("suppressed", 0), counts.get("held_out", 0), before, entered, left,
                recent, _peak(warehouse, audience.name, at), null_keys, duplicates, missing)


def _peak(warehouse: Warehouse, audience: str, at: datetime) -> int:
    [(peak,)] = warehouse.query(
        """select max(segment) from activation.snapshot
        where audience = $audience and status = 'accepted' and taken_at >= $since and snapshot_id >= coalesce((
            select max(snapshot_id) from activation.snapshot
            where audience = $audience and status = 'accepted' and reason <> ''), 0)""",
        {"audience": audience, "since": naive(at) - timedelta(days=7)})
    return int(peak or 0)


def record(
    warehouse: Warehouse, audience: Audience, view: View, at: datetime, now: datetime, doubt: str = "",
    released: str = "", spared: Sequence[SuppressionModel] = (),
) -> Snapshot:
    """Write the snapshot down, `now`. With a `doubt` it is held: history stays as it was. Call inside a transaction.

    `released`: the doubt that a person has approved; the snapshot is accepted, and what follows is measured by it.
    """
    [(newest,)] = warehouse.query(
        "select coalesce(max(snapshot_id), 0) from activation.snapshot where audience = ?", [audience.name])
    if not doubt:
        _move(warehouse, audience.name, newest + 1)
        holdouts.remember(warehouse, audience)
        holdouts.remember_control(warehouse, spared)
    taken = Snapshot(audience.name, newest + 1, at, view.segment, view.suppressed, view.held_out, view.entered,
                     view.left, view.null_keys, view.duplicates, doubt)
    warehouse.execute(
        """insert into activation.snapshot (audience, snapshot_id, taken_at, status, reason, segment, suppressed,
            held_out, entered, "left", null_keys, duplicates, recorded_at)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [taken.audience, taken.id, naive(at), "held" if doubt else "accepted", doubt or released, taken.segment,
         taken.suppressed, taken.held_out, taken.entered, taken.left, taken.null_keys, taken.duplicates,
         naive(now)])
    return taken


def naive(moment: datetime) -> datetime:
    """UTC without zone, as the tables keep it."""
    return moment.replace(tzinfo=None)


def _read_rows(warehouse: Warehouse, audience: Audience) -> tuple[tuple[str, ...], int, int]:
    """Leave `audience_rows`: declared columns that are missing, rows without a key, and rows beside another."""
    present = warehouse.columns(audience.relation)
    if present is None:
        raise WarehouseError(f"audience {audience.name}: {audience.relation} does not exist in the warehouse; "
                             f"build it first (tailrace build --select {audience.name})")
    if audience.key not in present:
        raise WarehouseError(f"audience {audience.name}: column {audience.key} is declared but {audience.relation} has "
                             f"none of that name{did_you_mean(audience.key, present)}; build the model again")
    missing = tuple(sorted({*audience.identifiers.values(), *_sent_columns(audience)} - present.keys()))
    nulls = "".join(f", cast(null as varchar) as {quote(column)}" for column in missing)
    key = f"cast({quote(audience.key)} as varchar)"
    rows = f"select {key} as _key, *{nulls} from {audience.relation} where {key} is not null and trim({key}) <> ''"
    for drop in ("drop view if exists temp.audience_rows", "drop table if exists temp.audience_once"):
        warehouse.execute(drop)
    total, usable, distinct = _count_keys(warehouse, audience.relation, key)
    if distinct != usable:
        order = ", ".join(quote(column) for column in present)
        warehouse.execute(
            f"create temp table audience_once as select * exclude (_nth) from (select *, row_number() over"
            f" (partition by _key order by {order}) as _nth from ({rows})) where _nth = 1")
        rows = "select * from temp.audience_once"
    elif warehouse.shared:  # others may rebuild the table before plans are made of it
        warehouse.execute(f"create temp table audience_once as {rows}")
        rows = "select * from temp.audience_once"
    warehouse.execute(f"create temp view audience_rows as {rows}")
    return missing, total - usable, usable - distinct


def _count_keys(warehouse: Warehouse, relation: str, key: str) -> tuple[int, int, int]:
    """Rows, rows with a key, and different keys: by fingerprint, and by themselves only if those repeat."""
    [(total, usable, prints)] = warehouse.query(
        f"""select count(*), count(nullif(trim({key}), '')),
            count(distinct {warehouse.fingerprint([f"trim({key})"])}) filter (where trim({key}) <> '')
        from {relation}""")
    if prints == usable:
        return total, usable, usable
    [(distinct,)] = warehouse.query(f"select count(distinct nullif(trim({key}), '')) from {relation}")
    return total, usable, distinct


def _sent_columns(audience: Audience) -> set[str]:
    messages = (column for sync in audience.syncs if sync.trigger for column in sync.trigger.columns)
    members = (column for sync in audience.syncs for column in (*sync.send, *sync.identifiers.values()))
    return {*messages, *members, *audience.regions.values()}


def _judge(warehouse: Warehouse, audience: Audience, spared: Sequence[SuppressionModel]) -> None:
    """Leave `segment`: the standing of each person."""
    share = holdouts.share(audience)
    holdouts.recall(warehouse, audience)
    drawn = "left join activation.drawn as d on d.salt = $salt and d.person_key = r._key" if share else ""
    held_out = f"coalesce(d.held_out, {warehouse.bucket('$prefix || r._key')} < $share)" if share else "false"
    warehouse.execute("drop table if exists temp.segment")
    warehouse.execute(
        f"""create temp table segment as
        select r._key as person_key, case when s._key is not null then 'suppressed'
            when {held_out} then 'held_out' else 'sent' end as standing
        from temp.audience_rows as r left join ({suppressions.persons(spared)}) as s on r._key = s._key {drawn}""",
        {"salt": audience.holdout_salt, "prefix": f"{audience.holdout_salt}|", "share": share} if share else ())


def _compare(warehouse: Warehouse, audience: str) -> tuple[int, int, int]:
    """Leave `moved`: who changed standing since the last accepted snapshot. Persons then, entered and left."""
    warehouse.execute("drop table if exists temp.moved")
    known = "from activation.membership where audience = ? and valid_to is null"
    warehouse.execute(
        f"""create temp table moved as
        with before as (select person_key, standing, entry_id, began_as {known}),
        heirs as (
            select k.person_key, b.entry_id, coalesce(b.began_as, b.person_key) as began_as,
                row_number() over (partition by k.person_key order by b.entry_id, b.person_key) as nth
            from temp.kin as k
            inner join temp.kin as other on k.root = other.root and k.person_key <> other.person_key
            inner join before as b on other.person_key = b.person_key
        )
        select coalesce(s.person_key, b.person_key) as person_key, s.standing, b.standing as old_standing,
            coalesce(b.entry_id, h.entry_id) as entry_id,
            case when b.person_key is null then h.began_as else b.began_as end as began_as
        from temp.segment as s full join before as b on s.person_key = b.person_key
        left join heirs as h on s.person_key = h.person_key and h.nth = 1
        where s.standing is distinct from b.standing""", [audience])
    [(before,)] = warehouse.query(f"select count(*) {known}", [audience])
    [(entered, left)] = warehouse.query(
        """select count(*) filter (where old_standing is null and entry_id is null),
            count(*) filter (where standing is null)
        from temp.moved""")
    return before, entered, left


def _move(warehouse: Warehouse, audience: str, snapshot_id: int) -> None:
    warehouse.execute(
        """update activation.membership set valid_to = ? where audience = ? and valid_to is null
            and person_key in (select person_key from temp.moved where old_standing is not null)""",
        [snapshot_id, audience])
    warehouse.execute(
        """insert into activation.membership (audience, person_key, standing, entry_id, valid_from, began_as)
        select ?, person_key, standing, coalesce(entry_id, ?), ?, nullif(began_as, person_key) from temp.moved
        where standing is not null""",
        [audience, snapshot_id, snapshot_id])
