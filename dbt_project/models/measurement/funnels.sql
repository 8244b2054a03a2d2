with seen as (
  select
    audience,
    count(distinct person_key) as segment,
    count(distinct case when standing = 'sent' then person_key end) as eligible
  from {{ ref('recorded_stays') }}
  group by audience
),

told as (
  select
    sync_id,
    audience,
    connection,
    count(distinct person_key) as sent,
    count(distinct case when outcome = 'ok' then person_key end) as accepted
  from {{ ref('recorded_receipts') }}
  where action in ('add', 'update', 'event')
    and attempt > 0
  group by sync_id, audience, connection
),

held as (
  select sync_id, count(case when state = 'present' then 1 end) as present
  from {{ ref('recorded_ledger') }}
  group by sync_id
),

read_back as (
  select sync_id, in_channel, row_number() over (partition by sync_id order by compared_at desc) as recency
  from {{ ref('recorded_drift') }}
)

select
  told.sync_id,
  told.audience,
  told.connection,
  coalesce(seen.segment, 0) as segment,
  coalesce(seen.eligible, 0) as eligible,
  told.sent,
  told.accepted,
  coalesce(held.present, 0) as present,
  read_back.in_channel as matched
from told
left join seen using (audience)
left join held using (sync_id)
left join read_back on read_back.sync_id = told.sync_id and read_back.recency = 1
