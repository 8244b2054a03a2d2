with daily as (
  select
    account_id,
    day,
    {{ days_ago('day') }} as age,
    qty
  from {{ ref('stg_usage_daily') }}
  where metric = '{{ var("usage_metric") }}'
    and day < {{ business_day() }}
    and day >= {{ business_day(35) }}
),

loaded as (
  select count(distinct day) as days
  from daily
  where age <= 14
),

weeks as (
  select
    account_id,
    sum(case when age between 1 and 7 then qty else 0 end) as week_0,
    sum(case when age between 8 and 14 then qty else 0 end) as week_1,
    sum(case when age between 15 and 21 then qty else 0 end) as week_2,
    sum(case when age between 22 and 28 then qty else 0 end) as week_3,
    sum(case when age between 29 and 35 then qty else 0 end) as week_4
  from daily
  group by account_id
)

select
  weeks.account_id,
  weeks.week_0 as usage_this_week,
  weeks.week_1 as usage_last_week,
  -- The median of four is the mean of the middle two; said so, it is exact and means the same on every engine.
  (weeks.week_1 + weeks.week_2 + weeks.week_3 + weeks.week_4
    - greatest(weeks.week_1, weeks.week_2, weeks.week_3, weeks.week_4)
    - least(weeks.week_1, weeks.week_2, weeks.week_3, weeks.week_4)) / 2 as usage_median_week,
  loaded.days = 14 as is_fully_loaded
from weeks
cross join loaded
