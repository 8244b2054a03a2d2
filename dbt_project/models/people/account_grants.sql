{# What is left of each grant of credits, and how much of it goes a day. #}
with measured as (
  select
    *,
    lag(remaining) over (partition by grant_id order by measured_at) as remaining_before,
    row_number() over (partition by grant_id order by measured_at desc, remaining) as recency
  from {{ ref('stg_credit_balances') }}
  -- What is paid for afterwards cannot run out.
  where kind <> 'POSTPAID'
),

paces as (
  select
    grant_id,
    -- A top-up is no burn.
    sum(greatest(remaining_before - remaining, 0)) / {{ var('credit_pace_days') }} as burnt_daily
  from measured
  where {{ within('measured_at', days=var('credit_pace_days')) }}
  group by grant_id
)

select
  measured.grant_id,
  measured.account_id,
  measured.granted,
  measured.remaining,
  coalesce(paces.burnt_daily, 0) as burnt_daily
from measured
left join paces using (grant_id)
where measured.recency = 1
