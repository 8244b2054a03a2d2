"""What is asked of each message that was found, as statements: which channel reaches the person now, and what else
stands for or against it. `candidates` says in which order, and what follows from it.
"""

from __future__ import annotations

from pipelines.state.triggers import FOUND

LATEST = """
    select * from activation.candidate as newest where not exists (
        select 1 from activation.candidate as later
        where later.candidate_id = newest.candidate_id and later.nth > newest.nth)"""
"""What holds of each candidate."""

KNOWN = f"""
    select c.candidate_id, c.audience, c.sync_id, c.op_id, c.step, c.person_key, c.entry_id, c.happened_at, c.due_at,
        c.expires_at, c.priority, c.counts, c.code, c.until, c.decided_at, o.outcome,
        coalesce(k.root, c.person_key) as root
    from ({LATEST}) as c
    left join temp.kin as k on k.person_key = c.person_key
    left join (
        select sync_id, op_id, outcome, row_number() over (
            partition by sync_id, op_id
            order by coalesce(outcome in ('void', 'suppressed') and reason <> 'operator: resend', false),
                epoch desc, attempt desc) as newest
        from activation.receipt
    ) as o on o.sync_id = c.sync_id and o.op_id = c.op_id and o.newest = 1"""
"""The same with what came of it; `root` names the person under whichever key."""

SENT = f"""
    select * from ({KNOWN}) as k where k.code = 'sent' and coalesce(k.outcome, '') not in ('void', 'suppressed')"""
"""Messages that went out, may have, or are under way."""

WAITING = f"""
    select * from ({KNOWN}) as k
    where k.code in ('deferred', 'capped') or (k.code = 'sent' and k.outcome = 'void')"""
"""Messages whose time or room has not come, and those that never left this side."""

# A channel's place is its rank among those that share the message. A follow-up goes where what it follows went.
OFFERS = """
    create temp table offers as
    with reach as (
        select f.candidate_id, c.place, c.sync_id = $sync_id as is_own,
            case when c.sync_id = $sync_id then f.dest_key else d.dest_key end is not null as is_reached,
            coalesce(f.expires_at, f.happened_at + to_seconds(c.max_age)) as expires_at, q.until as quiet_until
        from temp.found as f
        cross join temp.channels as c
        left join activation.desired as d on d.sync_id = c.sync_id and d.person_key = f.person_key
        left join temp.zones as z on z.person_key = f.person_key
        left join temp.quiet as q on q.sync_id = c.sync_id and q.zone = coalesce(z.zone, '')
        where c.sync_id = $sync_id or f.step = ''
    )
    select candidate_id, max(case when is_own then place end) as own_place, bool_or(is_reached) as is_reached,
        coalesce(max(case when is_reached then expires_at end), max(expires_at)) as expires_at,
        min(case when is_reached and $at <= expires_at then quiet_until end) as opens_at,
        min(case when is_reached and $at <= expires_at and quiet_until is null then place end) as place
    from reach group by candidate_id"""

_NAMED = ", ".join(f"f.{name}" for name in FOUND)
# What one channel says of a message that several share holds only when the last of them has been asked.
JUDGED = f"""
    create temp table judged as
    select j.*, case
        when $speaks or j.step <> '' or j.said in ('silent', 'asked', 'repeat', 'cool_down', 'ready') then j.said
        else 'elsewhere' end as why
    from (
    select {_NAMED}, o.expires_at as last_at, coalesce(k.root, f.person_key) as root,
        case when f.due_at > $at then f.due_at else o.opens_at end as opens_at, cooled.until as cool_until,
        case
            when f.silent then 'silent'
            when f.asked then 'asked'
            when elsewhere.candidate_id is not null then 'elsewhere'
            when f.standing = 'held_out' then 'held_out'
            when control._key is not null then 'control'
            when f.standing = 'suppressed' or spared._key is not null or not f.is_wanted then 'suppressed'
            when again.candidate_id is not null then 'again'
            when f.at_goal and goal.reached_at >= f.happened_at then 'goal_met'
            when f.at_goal and $is_unbuilt then 'unbuilt'
            when not o.is_reached and refusing._key is not null then 'no_consent'
            when not o.is_reached then 'no_identifier'
            when f.standing = 'left' and f.when_left then 'left'
            when f.due_at > $at then 'early'
            when o.expires_at < $at then 'late'
            when o.place is null then 'night'
            when o.place <> o.own_place then 'elsewhere'
            when f.outcome = 'unknown' then 'repeat'
            when f.step = '' and cooled.until > $at then 'cool_down'
            else 'ready'
        end as said
    from temp.found as f
    inner join temp.offers as o on o.candidate_id = f.candidate_id
    left join temp.kin as k on k.person_key = f.person_key
    left join ({{elsewhere}}) as elsewhere on elsewhere.candidate_id = f.candidate_id
    left join ({{control}}) as control on control._key = f.person_key
    left join ({{spared}}) as spared on spared._key = f.person_key
    left join ({{again}}) as again on again.candidate_id = f.candidate_id
    left join ({{goal}}) as goal on goal.person_key = f.person_key
    left join ({{refusing}}) as refusing on refusing._key = f.person_key
    left join ({{cooled}}) as cooled on cooled.candidate_id = f.candidate_id
    ) as j"""

JUDGED_NAMES = (*FOUND, "last_at", "root", "opens_at", "cool_until", "why")
ELSEWHERE = f"select distinct candidate_id from ({SENT}) as s where s.sync_id <> $sync_id"
AGAIN = """
    select f.candidate_id from (
        select candidate_id, person_key, entry_id, entered_at from temp.found where step = ''
        union
        select f.candidate_id, other.person_key, f.entry_id, f.entered_at from temp.found as f
        inner join temp.kin as k on k.person_key = f.person_key
        inner join temp.kin as other on other.root = k.root
        where f.step = ''
    ) as f
    inner join activation.membership as m on m.audience = $audience and m.person_key = f.person_key
        and m.entry_id < f.entry_id and m.valid_to is not null
    inner join activation.snapshot as s on s.audience = m.audience and s.snapshot_id = m.valid_to
    group by f.candidate_id, f.entered_at
    having max(s.taken_at) + to_seconds($out_for) > f.entered_at"""
# What several channels say of one entry is said of one thing.
COOLED = f"""
    select f.candidate_id, max(s.decided_at) + to_seconds($cool_down) as until from temp.found as f
    left join temp.kin as k on k.person_key = f.person_key
    inner join ({SENT}) as s on s.root = coalesce(k.root, f.person_key) and s.entry_id <> f.entry_id
    where s.audience = $audience and s.step = '' group by f.candidate_id"""
NOBODY = {
    "elsewhere": "select cast(null as varchar) as candidate_id where false",
    "again": "select cast(null as varchar) as candidate_id where false",
    "goal": "select cast(null as varchar) as person_key, cast(null as timestamp) as reached_at where false",
    "refusing": "select cast(null as varchar) as _key where false",
    "cooled": "select cast(null as varchar) as candidate_id, cast(null as timestamp) as until where false",
}
"""What stands in for a part that is not asked for."""
