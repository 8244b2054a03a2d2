-- What explains that an account uses less, and for which mornings; while it goes on there is no last one.
with explained as (
  select
    accounts.account_id,
    incidents.kind as reason,
    {{ business_date('incidents.started_at') }} as first_day,
    {{ dbt.dateadd('day', 7, business_date('incidents.ended_at')) }} as last_day
  from {{ ref('stg_incidents') }} as incidents
  inner join {{ ref('accounts') }} as accounts
    on accounts.account_id = coalesce(incidents.account_id, accounts.account_id)
  -- A shorter one takes too little of a week to explain that two fifths of it are missing.
  where {{ dbt.dateadd('hour', var('usage_drop_incident_hours'), 'incidents.started_at') }}
    <= coalesce(incidents.ended_at, {{ as_of() }})
  union all
  select
    account_id,
    flag as reason,
    {{ business_date('starts_at') }} as first_day,
    {{ dbt.dateadd('day', 7, business_date('ends_at')) }} as last_day
  from {{ ref('stg_account_flags') }}
  where flag = 'seasonal_closure'
  union all
  select
    account_id,
    'downgraded' as reason,
    {{ business_date('changed_at') }} as first_day,
    {{ dbt.dateadd('day', var('usage_drop_downgrade_days'), business_date('changed_at')) }} as last_day
  from {{ ref('stg_subscription_changes') }}
  where status in ('active', 'past_due') and mrr < mrr_before
),

reasons as (
  select
    usage.account_id,
    usage.day,
    min(explained.reason) as reason
  from {{ ref('account_usage') }} as usage
  inner join explained
    on explained.account_id = usage.account_id
    and usage.day >= explained.first_day
    and (explained.last_day is null or usage.day <= explained.last_day)
  group by usage.account_id, usage.day
),

customers as (
  select
    usage.*,
    -- Who is smaller than a quarter of those on their plan moves too much by chance.
    cume_dist() over (partition by usage.day, accounts.plan order by usage.usage_last_week) as place_in_plan,
    case
      when reasons.reason is not null then reasons.reason
      when {{ dbt.dateadd('day', 'usage.days_ago', 'accounts.created_at') }}
        > {{ as_of(days=var('usage_drop_min_tenure_days')) }}
        then 'new_account'
    end as excluded
  from {{ ref('account_usage') }} as usage
  inner join {{ ref('accounts') }} as accounts using (account_id)
  left join reasons using (account_id, day)
  where accounts.kind = 'b2b'
    and accounts.is_base
    and accounts.has_live_subscription
),

judged as (
  select
    *,
    is_fully_loaded
      and usage_last_week >= {{ var('usage_drop_floor') }}
      and place_in_plan >= {{ var('usage_drop_plan_share') }}
      and usage_this_week < {{ var('usage_drop_ratio') }} * usage_last_week
      and usage_this_week < {{ var('usage_drop_median_ratio') }} * usage_median_week as has_fallen,
    is_fully_loaded and usage_this_week >= {{ var('usage_drop_exit_ratio') }} * usage_last_week as has_recovered
  from customers
)

select
  account_id,
  days_ago,
  usage_this_week,
  usage_last_week,
  has_fallen,
  -- Two mornings in a row; the first that is looked at has none before it.
  has_recovered
    and coalesce(lag(has_recovered) over (partition by account_id order by days_ago desc), false) as has_left,
  excluded,
  is_fully_loaded
from judged
