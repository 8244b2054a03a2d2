with came as (
  select
    audience,
    entry_id,
    count(case when returned_after_seconds < {{ var('flap_days') * 86400 }} then 1 end) as returned
  from {{ ref('entries') }}
  group by audience, entry_id
),

went as (
  select
    audience,
    left_at,
    percentile_cont(0.5) within group (
      order by cast({{ dbt.datediff('entered_at', 'left_at', 'second') }} as double precision)
    ) / 86400 as dwell_days
  from {{ ref('entries') }}
  where left_at is not null
  group by audience, left_at
)

select
  snapshots.audience,
  snapshots.snapshot_id,
  snapshots.taken_at,
  snapshots.status,
  snapshots.segment,
  snapshots.segment - snapshots.suppressed - snapshots.held_out as sent,
  snapshots.held_out,
  snapshots.suppressed,
  snapshots.entered,
  snapshots.departed,
  coalesce(came.returned, 0) as returned,
  cast(coalesce(came.returned, 0) as double precision) / nullif(snapshots.entered, 0) as flap_rate,
  went.dwell_days
from {{ ref('recorded_snapshots') }} as snapshots
left join came on came.audience = snapshots.audience and came.entry_id = snapshots.snapshot_id
left join went
  on went.audience = snapshots.audience and went.left_at = snapshots.taken_at and snapshots.status = 'accepted'
