{# What the running period is going to cost at its pace so far, beside what the last three cost. #}
with past as (
  select
    *,
    row_number() over (partition by account_id order by period_start desc) as recency
  from {{ ref('stg_period_costs') }}
  where period_end <= {{ as_of() }}
),

usual as (
  select account_id, count(*) as periods, sum(cost) as cost
  from past
  where recency <= 3
  group by account_id
),

running as (
  select
    account_id,
    period_start,
    cost as cost_so_far,
    cast(cost * {{ dbt.datediff('period_start', 'period_end', 'hour') }}
      / nullif(cast({{ dbt.datediff('period_start', 'measured_at', 'hour') }} as decimal(18, 4)), 0) as decimal(18, 2))
      as cost_projected
  from {{ ref('stg_period_costs') }}
  where period_start < {{ as_of() }} and period_end > {{ as_of() }}
)

select
  running.account_id,
  running.period_start as cost_period_start,
  running.cost_so_far,
  running.cost_projected,
  usual.periods as past_periods_count,
  cast(usual.cost / cast(usual.periods as decimal(18, 4)) as decimal(18, 2)) as cost_usual,
  cast(running.cost_projected * usual.periods / nullif(usual.cost, 0) as decimal(18, 4)) as cost_ratio
from running
left join usual on usual.account_id = running.account_id
