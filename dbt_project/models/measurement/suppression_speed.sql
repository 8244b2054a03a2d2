with decided as (
  select spared.audience, spared.person_key, spared.decided_at
  from {{ ref('recorded_stays') }} as spared
  where spared.standing = 'suppressed'
    and spared.since > spared.entered_at
    and spared.decided_at is not null
),

answered as (
  select
    receipts.sync_id,
    receipts.connection,
    decided.person_key,
    decided.decided_at,
    min(case when receipts.outcome = 'ok' then receipts.recorded_at end) as out_at
  from decided
  inner join {{ ref('recorded_receipts') }} as receipts
    on receipts.audience = decided.audience
    and receipts.person_key = decided.person_key
    and receipts.action = 'remove'
    and receipts.planned_at >= decided.decided_at
  group by receipts.sync_id, receipts.connection, decided.person_key, decided.decided_at
),

lags as (
  select *, cast({{ dbt.datediff('decided_at', 'out_at', 'second') }} as double precision) as seconds
  from answered
)

select
  sync_id,
  connection,
  count(*) as suppressed,
  count(out_at) as taken_out,
  percentile_cont(0.5) within group (order by seconds) as p50_seconds,
  percentile_cont(0.95) within group (order by seconds) as p95_seconds
from lags
group by sync_id, connection
