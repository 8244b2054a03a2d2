"""Which messages are due: one for each entry into the audience, decided once and under one id for ever.

An entry is a person and the snapshot at which the present stay began, read from the history of membership, so that a
crash between snapshot and plan loses none. The id of a message is made of trigger, person and entry; its payload and
time are frozen with the first operation that was planned for it. A stay that goes on under another key keeps the id of
the key it began with, so that a merge of persons is no second welcome.

Members who were there before the trigger (`trigger_since`) cause nothing, or a silent record where the channel has a
flag for that. A message in doubt that nothing repeats is left to a person, who may have it sent again under its id
(`asked`: then however old it is) or count it as sent; the decision is a receipt behind the last one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipelines.warehouse.protocol import Warehouse, literal

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
    where o.sync_id = $sync_id and o.action = 'event'"""

DUE = f"""
    create temp table due as
    with every_attempt as (select * from ({HISTORY}) as h),
    history as (select * from every_attempt where newest = 1),
    entries as (
        select m.person_key, coalesce(m.began_as, m.person_key) as stay, m.entry_id, s.taken_at as entered_at
        from activation.membership as m
        inner join activation.snapshot as s on m.audience = s.audience and m.entry_id = s.snapshot_id
        where m.audience = $audience and m.valid_to is null and m.standing = 'sent'
    )
    select e.person_key, e.stay, e.entry_id, e.entered_at, e.entry_id <= $since as silent,
        d.dest_key, d.identifiers, h.outcome, h.op_id,
        coalesce(h.op_id in (
            select op_id from activation.decision where sync_id = $sync_id and kind = 'resend'), false) as asked
    from entries as e
    inner join activation.desired as d on d.sync_id = $sync_id and d.person_key = e.person_key
    left join history as h on h.stay = e.stay and h.snapshot_id = e.entry_id
    where d.dest_key is not null and (e.entry_id > $since or $silently)
        and (
            h.op_id is null
            or h.outcome in ('void', 'suppressed')
            or (h.outcome = 'unknown' and $resend_within > 0
                and h.first_planned_at > $now - to_seconds($resend_within))
        )
        and not exists (
            select 1 from every_attempt as other where other.dest_key = d.dest_key and other.snapshot_id = e.entry_id
                and other.stay <> e.stay and other.outcome not in ('void', 'suppressed')
        )
        {{elsewhere}}
    qualify row_number() over (partition by d.dest_key, e.entry_id order by e.person_key) = 1"""


# Whatever else became of an operation that was never void: it may have been sent.
TOLD_BY = """and not exists (
            select 1 from activation.op as told
            left join activation.receipt as r
                on told.sync_id = r.sync_id and told.epoch = r.epoch and told.op_id = r.op_id
            where told.sync_id = {sync} and told.action = 'event' and told.snapshot_id = e.entry_id
                and told.op_id = md5(concat_ws('|', 'trigger', {sync}, $event, e.stay, cast(e.entry_id as varchar)))
                and coalesce(r.outcome, 'unknown') not in ('void', 'suppressed')
        )"""


def find_due(
    warehouse: Warehouse, sync_id: str, audience: str, event: str, since: int, now: datetime, *, silently: bool,
    resend_within: float, declared: Sequence[str],
) -> None:
    """Leave the temp table `due`: entries that still need a message.

    `since`: entries up to this snapshot were there before the trigger; they are due, as silent, only with `silently`.
    `resend_within`: seconds from its first plan during which a message in doubt may be sent again under its id; 0:
    never. `declared`: the audience's syncs; what one that is no longer among them has told of this event (its
    connection was renamed, or another channel took its place) is not told again. Two persons who enter at once with one
    identifier are told once, in whichever run.
    """
    warehouse.execute("drop table if exists temp.due")
    before = [sync for (sync,) in warehouse.query(
        "select sync_id from activation.sync_control where audience = ? and trigger_since is not null order by 1",
        [audience]) if sync not in declared]
    elsewhere = " ".join(TOLD_BY.format(sync=literal(sync)) for sync in before)
    scope = {"sync_id": sync_id, "audience": audience, "since": since, "now": now, "silently": silently,
             "resend_within": resend_within}
    warehouse.execute(DUE.format(elsewhere=elsewhere), {**scope, "event": event} if before else scope)
