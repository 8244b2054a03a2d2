"""The views of schema `activation`: a stable interface for BI and for the commands. README.md beside this says what
each column means; a test holds both together.
"""

from __future__ import annotations

_NAMED = "inner join {schema}.sync_control as c on"

VIEWS = {
    # A key's newest ok decides what the channel holds; anything uncertain after it is listed beside it.
    "delivered": """
        select sync_id, dest_key, payload_hash, identifiers, first_sent_at as asserted_at
        from {schema}.ledger_base where outcome = 'ok' and action <> 'remove' and dest_key <> '*'""",
    # What never left says nothing about a message that is in doubt since: that it was suppressed later ends no doubt.
    "undelivered": """
        with latest as (
            select o.sync_id, o.op_id, o.action, o.person_key, r.outcome, r.reason, r.recorded_at,
                row_number() over (
                    partition by o.sync_id, case when o.action = 'event' then o.op_id else o.dest_key end
                    order by coalesce((r.outcome = 'void' or (o.action = 'event' and r.outcome = 'suppressed'))
                        and r.reason <> 'operator: resend', false), o.epoch desc, o.seq desc, r.attempt desc) as newest
            from {schema}.op as o
            inner join {schema}.receipt as r on o.sync_id = r.sync_id and o.epoch = r.epoch and o.op_id = r.op_id
            where o.action <> 'replace'
        )
        select sync_id, op_id, action, person_key, outcome, reason, recorded_at
        from latest where newest = 1 and outcome not in ('ok', 'void')
        union all
        select sync_id, null, 'add', person_key, 'unusable', reason, null
        from {schema}.desired where dest_key is null""",
    "candidates": f"""
        select n.candidate_id, n.audience, c.connection, n.sync_id, n.step, n.person_key, n.entry_id, n.happened_at,
            n.due_at, n.expires_at, n.priority, n.code, n.detail, n.until, n.decided_at, n.recorded_at,
            n.nth as decisions, n.op_id, o.outcome
        from {{schema}}.candidate as n {_NAMED} n.sync_id = c.sync_id
        left join (
            select sync_id, op_id, outcome, row_number() over (
                partition by sync_id, op_id
                order by coalesce(outcome in ('void', 'suppressed') and reason <> 'operator: resend', false),
                    epoch desc, attempt desc) as newest
            from {{schema}}.receipt
        ) as o on n.code = 'sent' and o.sync_id = n.sync_id and o.op_id = n.op_id and o.newest = 1
        where not exists (
            select 1 from {{schema}}.candidate as later
            where later.candidate_id = n.candidate_id and later.nth > n.nth)""",
    "unresolved": f"""
        with history as (
            select o.sync_id, o.op_id, o.epoch, o.person_key, o.snapshot_id, o.occurred_at, r.outcome, r.reason,
                r.recorded_at, min(o.planned_at) over (partition by o.sync_id, o.op_id) as first_planned_at,
                row_number() over (
                    partition by o.sync_id, o.op_id
                    order by coalesce(r.outcome in ('void', 'suppressed') and r.reason <> 'operator: resend', false),
                        o.epoch desc, r.attempt desc) as newest
            from {{schema}}.op as o
            left join {{schema}}.receipt as r on o.sync_id = r.sync_id and o.epoch = r.epoch and o.op_id = r.op_id
            where o.action = 'event'
        )
        select h.sync_id, c.audience, c.connection, h.op_id, h.person_key, h.occurred_at, h.first_planned_at,
            h.recorded_at as in_doubt_since, h.reason, m.person_key is not null as is_member,
            case when m.person_key is not null and c.resend_within > 0
                then h.first_planned_at + to_seconds(c.resend_within) end as repeated_until
        from history as h {_NAMED} h.sync_id = c.sync_id
        left join {{schema}}.membership as m on c.audience = m.audience
            and (h.person_key = m.person_key or h.person_key = m.began_as)
            and h.snapshot_id = m.entry_id and m.valid_to is null and m.standing = 'sent'
        where h.newest = 1 and h.outcome = 'unknown' and (h.epoch < c.epoch or c.lease_until is null)""",
    "ledger": f"""
        with said as (
            select *, row_number() over (
                partition by sync_id, dest_key, outcome = 'ok' order by epoch desc, seq desc) as newest
            from {{schema}}.ledger_base where dest_key <> '*'
        ),
        acknowledged as (select * from said where outcome = 'ok' and newest = 1),
        doubtful as (
            select sync_id, dest_key, max(until) as doubtful_until, max(identifiers) as identifiers,
                sum(case when outcome = 'rejected' then 1 else 0 end) as refusals
            from said where outcome <> 'ok' group by sync_id, dest_key
        )
        select c.sync_id, c.audience, c.connection, coalesce(a.dest_key, d.dest_key) as dest_key,
            json_extract_string(coalesce(a.identifiers, d.identifiers), '$.person') as person_key,
            case when d.dest_key is not null then 'unknown' when a.action = 'remove' then 'absent'
                else 'present' end as state,
            a.first_sent_at as asserted_at, d.doubtful_until, coalesce(d.refusals, 0) as refusals
        from acknowledged as a full join doubtful as d on a.sync_id = d.sync_id and a.dest_key = d.dest_key
        {_NAMED} coalesce(a.sync_id, d.sync_id) = c.sync_id""",
    "receipts": f"""
        select c.sync_id, c.audience, c.connection, r.epoch, r.op_id, r.attempt, o.action, o.person_key, r.outcome,
            r.http_status, r.reason, r.job_id, o.planned_at, r.first_sent_at, r.recorded_at
        from {{schema}}.receipt as r
        inner join {{schema}}.op as o on r.sync_id = o.sync_id and r.epoch = o.epoch and r.op_id = o.op_id
        {_NAMED} r.sync_id = c.sync_id""",
    "runs": f"""
        select c.sync_id, c.audience, c.connection, l.epoch, l.run_id, l.started, l.ended, l.status, l.reason,
            {{counts}}, l.full_resync_reason
        from {{schema}}.run_log as l {_NAMED} l.sync_id = c.sync_id""".replace("{counts}", ",\n            ".join(
            f"cast(json_extract_string(l.counts, '$.{name}') as bigint) as {column}" for name, column in (
                ("add", "added"), ("update", "updated"), ("remove", "removed"), ("trigger", "messages"),
                ("accepted", "accepted"), ("rejected", "rejected"), ("deferred", "deferred"), ("unknown", "unknown"),
                ("pending", "pending"), ("unusable", "unusable"), ("members", "members")))),
    "drift": f"""
        select c.sync_id, c.audience, c.connection, d.compared_at, d.in_channel, d.delivered, d.missing, d.extra,
            d.strangers
        from {{schema}}.comparison as d {_NAMED} d.sync_id = c.sync_id""",
    # A standing that ends while another begins is no departure: the stay goes on.
    "stays": """
        select m.audience, m.person_key, m.standing, m.entry_id, e.taken_at as entered_at, f.taken_at as since,
            f.recorded_at as decided_at, t.taken_at as until, t.recorded_at as until_decided_at,
            case when not exists (
                select 1 from {schema}.membership as n
                where m.audience = n.audience and m.person_key = n.person_key and m.valid_to = n.valid_from
            ) then t.taken_at end as left_at
        from {schema}.membership as m
        inner join {schema}.snapshot as e on m.audience = e.audience and m.entry_id = e.snapshot_id
        inner join {schema}.snapshot as f on m.audience = f.audience and m.valid_from = f.snapshot_id
        left join {schema}.snapshot as t on m.audience = t.audience and m.valid_to = t.snapshot_id""",
    "snapshots": """
        select audience, snapshot_id, taken_at, recorded_at, status, reason, segment, suppressed, held_out, entered,
            "left" as departed
        from {schema}.snapshot""",
    "holds": f"""
        select c.sync_id, c.audience, c.connection, h.plan_id, h.state, h.opened_at, h.objections, h.decided_by,
            h.decision, h.decided_at
        from {{schema}}.hold as h {_NAMED} h.sync_id = c.sync_id""",
}
"""Name → query; `{schema}` stands for the schema. Views before those that read them."""
