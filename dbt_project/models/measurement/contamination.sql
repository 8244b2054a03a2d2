with drawn as (
  select
    audience,
    person_key,
    standing,
    since as assigned_at,
    decided_at,
    row_number() over (partition by audience, person_key order by since) as nth
  from {{ ref('recorded_stays') }}
  where standing in ('sent', 'held_out')
),

held as (
  select
    drawn.audience,
    drawn.person_key,
    drawn.assigned_at,
    drawn.decided_at,
    {{ later('drawn.decided_at', 'goals.within_seconds') }} as ends_at
  from drawn
  left join {{ ref('audience_goals') }} as goals on goals.audience = drawn.audience
  where drawn.nth = 1
    and drawn.standing = 'held_out'
),

told as (
  select receipts.*, coalesce(candidates.step, messages.event) as event
  from {{ ref('recorded_receipts') }} as receipts
  left join {{ ref('recorded_candidates') }} as candidates
    on candidates.sync_id = receipts.sync_id
    and candidates.op_id = receipts.op_id
  left join {{ ref('audience_messages') }} as messages
    on messages.sync_id = receipts.sync_id
    and messages.step is null
    and receipts.action = 'event'
  where receipts.outcome = 'ok'
    and receipts.action in ('add', 'update', 'event')
),

-- What the experiment tries: the audience itself, or one of its messages, whoever sends it.
treatments as (
  select distinct audience, event
  from {{ ref('audience_messages') }}
)

select
  told.sync_id,
  held.audience,
  held.person_key,
  held.assigned_at,
  min(told.recorded_at) as told_at,
  count(*) as times
from held
inner join told
  on told.person_key = held.person_key
  and told.planned_at >= held.decided_at
left join treatments
  on treatments.audience = held.audience
  and treatments.event = told.event
where told.audience = held.audience
  or (treatments.event is not null and (held.ends_at is null or told.planned_at < held.ends_at))
group by told.sync_id, held.audience, held.person_key, held.assigned_at
