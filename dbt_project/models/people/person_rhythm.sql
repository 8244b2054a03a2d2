with days as (
  select distinct
    person_id,
    {{ business_date('paid_at') }} as day
  from {{ ref('person_orders') }}
  where paid_at is not null
    and cancelled_at is null
),

gaps as (
  select
    person_id,
    day,
    {{ dbt.datediff('lag(day) over (partition by person_id order by day)', 'day', 'day') }} as gap
  from days
)

select
  person_id,
  count(*) as order_days_count,
  max(day) as last_order_on,
  percentile_cont(0.5) within group (order by gap) as median_gap_days
from gaps
group by person_id
