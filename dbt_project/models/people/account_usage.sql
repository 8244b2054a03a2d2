-- The mornings that are looked at, and the five weeks before the first of them.
with days as (
  select
    number as days_ago,
    cast({{ dbt.dateadd('day', '-number', business_day()) }} as date) as day
  from ({{ numbers(var('usage_memory_days') + 35) }}) as numbers
),

daily as (
  select account_id, day, qty
  from {{ ref('stg_usage_daily') }}
  where metric = '{{ var("usage_metric") }}'
    and day >= {{ business_day(var('usage_memory_days') + 34) }}
),

loads as (
  select day, 1 as is_loaded
  from daily
  group by day
),

metered as (
  select distinct account_id
  from daily
),

grid as (
  select
    metered.account_id,
    days.days_ago,
    days.day,
    coalesce(daily.qty, 0) as qty,
    coalesce(loads.is_loaded, 0) as is_loaded
  from metered
  cross join days
  left join loads on loads.day = days.day
  left join daily on daily.account_id = metered.account_id and daily.day = days.day
),

weeks as (
  select
    account_id,
    days_ago,
    day,
    {%- for week in range(5) %}
    sum(qty) over (
      partition by account_id order by days_ago desc
      rows between {{ 7 * week + 7 }} preceding and {{ 7 * week + 1 }} preceding
    ) as week_{{ week }},
    {%- endfor %}
    sum(is_loaded) over (
      partition by account_id order by days_ago desc rows between 14 preceding and 1 preceding
    ) as days_loaded
  from grid
)

select
  account_id,
  days_ago,
  day,
  week_0 as usage_this_week,
  week_1 as usage_last_week,
  -- The median of four is the mean of the middle two; said so, it is exact and means the same on every engine.
  (week_1 + week_2 + week_3 + week_4
    - greatest(week_1, week_2, week_3, week_4)
    - least(week_1, week_2, week_3, week_4)) / 2 as usage_median_week,
  days_loaded = 14 as is_fully_loaded
from weeks
where days_ago < {{ var('usage_memory_days') }}
