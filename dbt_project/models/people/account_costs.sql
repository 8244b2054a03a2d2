{# What the running period is going to cost at its pace so far, beside what the last ones cost. #}
with finished as (
  select
    account_id,
    cost,
    row_number() over (partition by account_id order by period_start desc) as recency
  from {{ ref('stg_period_costs') }}
  where is_final
),

usual as (
  select
    account_id,
    count(*) as periods,
    avg(cost) as cost
  from finished
  where recency <= {{ var('spike_periods') }}
  group by account_id
),

running as (
  select
    account_id,
    period_start,
    measured_at,
    cost as cost_so_far,
    cost * {{ dbt.datediff('period_start', 'period_end', 'hour') }}
      / nullif({{ dbt.datediff('period_start', 'measured_at', 'hour') }}, 0) as cost_projected
  from {{ ref('stg_period_costs') }}
  where not is_final
    and period_start < {{ as_of() }}
    and period_end > {{ as_of() }}
)

select
  running.account_id,
  running.period_start,
  running.measured_at,
  running.cost_so_far,
  cast(running.cost_projected as decimal(18, 2)) as cost_projected,
  usual.periods as past_periods_count,
  cast(usual.cost as decimal(18, 2)) as cost_usual
from running
left join usual on usual.account_id = running.account_id
