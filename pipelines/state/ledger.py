"""The ledger: what each channel has acknowledged, three-valued, folded from receipts and never from attempts.

For one key of one sync, the newest `ok` (by epoch and place in the plan, never by clock) says what the channel was
told: a payload, or absence. Beside it stand the *uncertain* operations: those whose answer was lost, and refused ones
(a refusal may come from a repeat of a request that was applied). An uncertain operation may still arrive until `until`,
and counts only while it could contradict the newest ok: it asserts something else, and was not over when the ok was
first sent.

A key is sent when the newest ok is not what is wanted, or when something uncertain could have overridden it: at once if
that came later, and once more when it can no longer arrive. Rejected adds wait longer after each refusal and rest after
the fifth, until their payload changes; removals never rest.

`ledger_base` holds the fold up to `folded_epoch`, at most one ok a key and what is uncertain beside it. At the end of a
run the keys that were touched are folded again in one transaction (6 ms for 10,000 keys of a million, against 29 ms for
writing the table anew).

A key whose newest ok is what is wanted and of which nothing is uncertain needs no second look. Everything above is
therefore asked of `looked_at` only: keys that are restless, or that a join of two narrow columns finds to differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from pipelines.warehouse.protocol import Warehouse, literal

REFUSALS = 5
"""A rejected add is tried this often, after 1, 4, 16 and 24 hours; then it rests until its payload changes."""
WAIT = "to_hours(case refusals when 1 then 1 when 2 then 4 when 3 then 16 else 24 end)"
"""How long a rejected add waits after so many refusals."""

RESTLESS = """
    select dest_key from activation.ledger_base where sync_id = $sync_id and outcome <> 'ok'
    union
    select dest_key from activation.op where sync_id = $sync_id and epoch > $folded_epoch and action <> 'event'"""
"""Keys of which anything is uncertain or not folded yet."""

DIFFERING = """
    select coalesce(w.dest_key, t.dest_key) as dest_key from temp.wanted as w full join (
        select dest_key, payload_hash, first_sent_at from activation.ledger_base
        where sync_id = $sync_id and outcome = 'ok' and action <> 'remove'
    ) as t on w.dest_key = t.dest_key
    where w.payload_hash is distinct from t.payload_hash or t.first_sent_at < $reassert_before"""
"""Keys of which the newest ok is not what is wanted, or is too long ago."""

# A refused removal proves nothing: the refusal may answer a repeat of a request that was applied. It is one in doubt.
EVENTS = """
    select dest_key, action, outcome, payload_hash, identifiers, epoch, seq, first_sent_at, until, recorded_at
    from activation.ledger_base where sync_id = $sync_id and dest_key in (select dest_key from temp.looked_at)
    union all
    select o.dest_key, o.action,
        case when r.outcome = 'rejected' and o.action = 'remove' then 'unknown' else r.outcome end,
        o.payload_hash, o.identifiers, o.epoch, o.seq, r.first_sent_at,
        r.recorded_at + to_seconds($lateness), r.recorded_at
    from activation.op as o
    inner join activation.receipt as r on o.sync_id = r.sync_id and o.epoch = r.epoch and o.op_id = r.op_id
    where o.sync_id = $sync_id and o.epoch > $folded_epoch and o.action <> 'event'
        and r.outcome in ('ok', 'unknown', 'rejected')"""

# `sig` is what an event asserts: a payload hash, or '-' for absence.
FOLD = f"""
    with events as (
        select *, case when action = 'remove' then '-' else payload_hash end as sig,
            row_number() over (partition by dest_key, outcome order by epoch desc, seq desc) as nth,
            row_number() over (
                partition by dest_key, outcome, action = 'remove' order by epoch desc, seq desc) as nth_of_side
        from ({EVENTS}) as all_events
    ),
    ok as (select * from events where outcome = 'ok' and nth = 1),
    uncertain as (
        select e.*, o.dest_key is null or (e.epoch, e.seq) > (o.epoch, o.seq) as after_ok
        from events as e left join ok as o on e.dest_key = o.dest_key
        where (e.outcome = 'unknown' or (e.outcome = 'rejected' and e.action <> 'remove'))
            and (o.dest_key is null or (e.until > o.first_sent_at and e.sig <> o.sig))
    )"""

# What may still arrive but says the same as the newest ok: no doubt now, but one as soon as something else is asserted.
LATE = """
    select e.*, false as after_ok from events as e inner join ok as o on e.dest_key = o.dest_key and e.sig = o.sig
    where e.until > $now and (e.outcome = 'unknown' or (e.outcome = 'rejected' and e.action <> 'remove'))"""

LEDGER = f"""{FOLD},
    doubts as (
        select dest_key, max(until) as until, bool_or(after_ok) as after_ok,
            count(*) filter (where outcome = 'rejected' and after_ok) as refusals,
            arg_max(payload_hash, (epoch, seq)) filter (where outcome = 'rejected') as refused_hash,
            max(recorded_at) filter (where outcome = 'rejected') as refused_at,
            coalesce(max(until) filter (outcome <> 'rejected'), max(recorded_at))
                <= max(recorded_at) filter (outcome = 'rejected') as only_refused,
            arg_max(identifiers, (epoch, seq)) filter (where action <> 'remove') as identifiers
        from uncertain group by dest_key
    )
    select coalesce(o.dest_key, d.dest_key) as dest_key, o.sig,
        case when coalesce(o.action, 'remove') = 'remove' then d.identifiers else o.identifiers end as identifiers,
        o.first_sent_at as asserted_at, d.until, coalesce(d.after_ok, false) as after_ok,
        coalesce(d.refusals, 0) as refusals, d.refused_hash, d.refused_at, d.dest_key is not null as doubted,
        coalesce(d.only_refused, false) as only_refused
    from ok as o full join doubts as d on o.dest_key = d.dest_key"""

DIFF = f"""
    create temp table changes as
    with ledger as ({LEDGER}),
    wanted as (select * from temp.wanted where dest_key in (select dest_key from temp.looked_at)),
    pending as (select dest_key from temp.pending)
    select coalesce(w.dest_key, l.dest_key) as dest_key, w.person_key, w.payload_hash, w.identifiers, w.attributes,
        l.identifiers as held_identifiers,
        case when w.dest_key is null then 'remove'
            when l.sig is null or l.sig = '-' or l.doubted or l.sig = w.payload_hash then 'add'
            else 'update' end as action
    from wanted as w full join ledger as l on w.dest_key = l.dest_key
    where coalesce(w.dest_key, l.dest_key) not in (select dest_key from pending)
        and (
            coalesce(l.sig, '-') <> coalesce(w.payload_hash, '-')
            or (coalesce(l.doubted, false) and (l.after_ok or $now >= l.until))
            or (w.dest_key is not null and l.asserted_at < $reassert_before)
        )
        and not (
            coalesce(l.refused_hash = w.payload_hash, false) and l.only_refused
            and (l.refusals >= {REFUSALS} or $now < l.refused_at + {WAIT})
        )"""


def _scope(warehouse: Warehouse, sync_id: str, lateness: float) -> dict[str, object]:
    [(folded,)] = warehouse.query("select folded_epoch from activation.sync_control where sync_id = ?", [sync_id])
    return {"sync_id": sync_id, "folded_epoch": folded, "lateness": lateness}


def compare(
    warehouse: Warehouse, sync_id: str, now: datetime, lateness: float, *, members: bool = True,
    reassert_every: float | None = None,
) -> None:
    """Diff what is wanted with what was delivered; leaves the temp tables `wanted` and `changes`.

    `lateness`: seconds after which a request whose answer was lost can no longer arrive. `members`: False for a sync
    that only sends messages: it wants nothing in the channel, and takes nothing out. `reassert_every`: seconds after
    which a member that was last asserted so long ago is asserted again.
    """
    for thing in ("view if exists temp.wanted", "table if exists temp.wanted_once", "table if exists temp.pending",
                  "table if exists temp.changes"):
        warehouse.execute(f"drop {thing}")
    _want(warehouse, sync_id)
    warehouse.execute(
        f"create temp table pending as select distinct dest_key from ({WAITING}) as w where action <> 'event'",
        {"sync_id": sync_id})
    before = now - timedelta(seconds=reassert_every) if reassert_every else datetime(1970, 1, 1)
    scope = _scope(warehouse, sync_id, lateness)
    look_at(warehouse, scope, DIFFERING, reassert_before=before)
    warehouse.execute(DIFF, {**scope, "now": now, "reassert_before": before})
    if not members:
        warehouse.execute("delete from temp.changes")


def _want(warehouse: Warehouse, sync_id: str) -> None:
    """Leave `wanted`: a view of `desired`, or each key once where persons share one."""
    usable = f"from activation.desired where sync_id = {literal(sync_id)} and dest_key is not null"
    columns = "dest_key, person_key, payload_hash, identifiers, attributes"
    key = warehouse.fingerprint(["dest_key"])  # two keys of one fingerprint only cost the slower way
    [(rows, keys)] = warehouse.query(f"select count(*), count(distinct {key}) {usable}")
    wanted = f"select {columns} {usable}"
    if rows != keys:
        once = "qualify row_number() over (partition by dest_key order by person_key) = 1"
        warehouse.execute(f"create temp table wanted_once as {wanted} {once}")
        wanted = f"select {columns} from temp.wanted_once"
    warehouse.execute(f"create temp view wanted as {wanted}")


def look_at(warehouse: Warehouse, scope: Mapping[str, object], more: str = "", **given: object) -> None:
    """Leave `looked_at`, which the statements above are about: restless keys, and those of a query."""
    warehouse.execute("drop table if exists temp.looked_at")
    named = {name: scope[name] for name in ("sync_id", "folded_epoch")}
    warehouse.execute(f"create temp table looked_at as {RESTLESS}{more and f' union {more}'}", {**named, **given})


def acknowledged(
    warehouse: Warehouse, sync_id: str, epoch: int, first: int, last: int
) -> dict[str, tuple[str, str]]:
    """Key → attributes and identifiers (JSON) that the channel last acknowledged, of updates between two places.

    An update is only planned where nothing contradicts the newest ok, and each ok leaves the channel with all that its
    operation says, however little of it was sent.
    """
    rows = warehouse.query(
        """with asked as (
            select dest_key from activation.op where sync_id = $sync_id and epoch = $before and action = 'update'
                and seq between $first and $last
        ),
        ok as (
            select dest_key, action, epoch, seq from activation.ledger_base
            where sync_id = $sync_id and outcome = 'ok' and dest_key in (select dest_key from asked)
            union all
            select o.dest_key, o.action, o.epoch, o.seq from activation.op as o
            inner join activation.receipt as r on o.sync_id = r.sync_id and o.epoch = r.epoch and o.op_id = r.op_id
            where o.sync_id = $sync_id and o.epoch < $before and o.action <> 'event' and o.epoch > (
                    select folded_epoch from activation.sync_control where sync_id = $sync_id)
                and r.outcome = 'ok' and o.dest_key in (select dest_key from asked)
        ),
        newest as (
            select *, row_number() over (partition by dest_key order by epoch desc, seq desc) as nth from ok
        )
        select n.dest_key, o.attributes, o.identifiers from newest as n
        inner join activation.op as o on o.sync_id = $sync_id and o.epoch = n.epoch and o.seq = n.seq
        where n.nth = 1 and n.action <> 'remove'""",
        {"sync_id": sync_id, "before": epoch, "first": first, "last": last})
    return {key: (attributes, identifiers) for key, attributes, identifiers in rows}


def reassert_all(warehouse: Warehouse, sync_id: str) -> None:
    """Turn `changes` into the whole desired state: every wanted member, and the removal of all who ever were."""
    warehouse.execute(
        """insert into temp.changes (dest_key, person_key, payload_hash, identifiers, attributes, action)
        select w.dest_key, w.person_key, w.payload_hash, w.identifiers, w.attributes, 'add' from temp.wanted as w
        where w.dest_key not in (select dest_key from temp.changes)
            and w.dest_key not in (select dest_key from temp.pending)""")
    warehouse.execute(
        """insert into temp.changes (dest_key, held_identifiers, action)
        select dest_key, arg_max(identifiers, (epoch, seq)), 'remove' from activation.op
        where sync_id = $sync_id and action in ('add', 'update') and identifiers <> '{}'
            and dest_key not in (select dest_key from temp.changes)
            and dest_key not in (select dest_key from temp.wanted)
            and dest_key not in (select dest_key from temp.pending)
        group by dest_key""", {"sync_id": sync_id})


def find_whole(warehouse: Warehouse, sync_id: str, now: datetime, lateness: float, *, replaces: bool) -> None:
    """Leave `whole`: the digest of what is wanted where the list as a whole is to be put in place, else no row.

    A list that is replaced has a key of its own in the ledger, `*`. Its doubts matter by themselves: an older session
    that arrives late takes out members of whom it says nothing. Call right after `compare`.
    """
    warehouse.execute("drop table if exists temp.whole")
    warehouse.execute("create temp table whole (payload_hash varchar)")
    warehouse.execute("delete from temp.changes where dest_key = '*'")
    if not replaces:
        return
    [(digest,)] = warehouse.query(
        "select md5(string_agg(payload_hash, '' order by payload_hash)) from temp.wanted")
    [(changes,)] = warehouse.query("select count(*) from temp.changes")
    known = warehouse.query(
        f"""with ledger as ({LEDGER})
        select sig, coalesce(doubted and (after_ok or $now >= until), false) from ledger where dest_key = '*'""",
        {**_scope(warehouse, sync_id, lateness), "now": now})
    if digest and (changes or [tuple(row) for row in known] != [(digest, False)]):
        warehouse.execute("insert into temp.whole values (?)", [digest])


WAITING = """
    select o.dest_key, o.epoch, o.op_id, o.action, o.person_key, o.identifiers, r.attempt, r.seq, r.job_id,
        r.first_sent_at
    from activation.op as o
    inner join activation.receipt as r on o.sync_id = r.sync_id and o.epoch = r.epoch and o.op_id = r.op_id
    where o.sync_id = $sync_id and r.outcome = 'accepted' and not exists (
        select 1 from activation.receipt as later
        where later.sync_id = r.sync_id and later.epoch = r.epoch and later.op_id = r.op_id
            and later.attempt > r.attempt)"""
"""Operations that an asynchronous job has taken over and not ended for."""


def fold(warehouse: Warehouse, sync_id: str, epoch: int, lateness: float, now: datetime) -> None:
    """Fold the receipts of epochs up to `epoch` into `ledger_base`. Call inside a transaction."""
    scope = {**_scope(warehouse, sync_id, lateness), "now": now}
    look_at(warehouse, scope)
    warehouse.execute("drop table if exists temp.folded")
    warehouse.execute(
        f"""create temp table folded as {FOLD}
        select * exclude (sig, nth, nth_of_side), true as keeps from ok
        union all select * exclude (sig, nth, nth_of_side, after_ok), true from uncertain
        union all select * exclude (sig, nth, nth_of_side, after_ok), true from ({LATE}) as late
        union all
        select * exclude (sig, nth, nth_of_side), false from events where nth_of_side = 1""", scope)
    warehouse.execute(
        """delete from activation.ledger_base where sync_id = ? and dest_key in (select dest_key from temp.folded)""",
        [sync_id])
    # A key that is known to be absent, with nothing uncertain, is no longer a key.
    warehouse.execute(
        """insert into activation.ledger_base (sync_id, dest_key, action, outcome, payload_hash, identifiers, epoch,
            seq, first_sent_at, until, recorded_at)
        select ?, dest_key, action, outcome, payload_hash, identifiers, epoch, seq, first_sent_at, until, recorded_at
        from temp.folded where keeps and not (
            outcome = 'ok' and action = 'remove'
            and dest_key not in (select dest_key from temp.folded where keeps and outcome <> 'ok'))""", [sync_id])
    warehouse.execute("update activation.sync_control set folded_epoch = ? where sync_id = ?", [epoch, sync_id])
