with periods as (
  select
    account_id,
    metric,
    quota,
    period_start,
    period_end,
    changed_at,
    row_number() over (partition by account_id, metric order by period_start desc) as recency
  from {{ ref('stg_quotas') }}
  where period_start <= {{ business_day() }}
    and period_end > {{ business_day() }}
),

used as (
  select
    periods.account_id,
    periods.metric,
    sum(usage.qty) as used
  from periods
  inner join {{ ref('stg_usage_daily') }} as usage
    on usage.account_id = periods.account_id
    and usage.metric = periods.metric
    and usage.day >= periods.period_start
    and usage.day < {{ business_day() }}
  where periods.recency = 1
  group by periods.account_id, periods.metric
)

select
  periods.account_id,
  periods.metric,
  periods.quota,
  periods.changed_at as quota_changed_at,
  periods.period_start,
  periods.period_end,
  {{ days_ago('periods.period_start') }} as days_elapsed,
  coalesce(used.used, 0) as used
from periods
left join used using (account_id, metric)
where periods.recency = 1
