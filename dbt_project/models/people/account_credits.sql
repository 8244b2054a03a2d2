{# What is left of an account's credits, and for how long at the pace of the last two weeks. #}
with latest as (
  select
    *,
    row_number() over (partition by grant_id order by measured_at desc, remaining) as recency
  from {{ ref('stg_credit_balances') }}
),

earlier as (
  select
    *,
    row_number() over (partition by grant_id order by measured_at, remaining) as place
  from {{ ref('stg_credit_balances') }}
  where {{ within('measured_at', days=14) }}
),

burnt as (
  select
    latest.account_id,
    latest.granted,
    latest.remaining,
    case when earlier.remaining > latest.remaining then earlier.remaining - latest.remaining else 0 end as burnt,
    {{ dbt.datediff('earlier.measured_at', 'latest.measured_at', 'day') }} as days
  from latest
  left join earlier on earlier.grant_id = latest.grant_id and earlier.place = 1
  where latest.recency = 1
),

totals as (
  select
    account_id,
    sum(granted) as credits_granted,
    sum(remaining) as credits_remaining,
    sum(burnt) as burnt,
    max(days) as days
  from burnt
  group by account_id
)

select
  account_id,
  credits_granted,
  credits_remaining,
  cast(credits_remaining / nullif(credits_granted, 0) as decimal(18, 4)) as credits_share,
  cast(burnt / nullif(cast(days as decimal(18, 4)), 0) as decimal(18, 2)) as credits_burnt_daily,
  cast(credits_remaining * days / nullif(burnt, 0) as decimal(18, 1)) as credits_days_left
from totals
