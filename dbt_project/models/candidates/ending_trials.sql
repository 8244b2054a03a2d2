with used as (
  select account_id, count(distinct day) as active_days
  from {{ ref('stg_usage_daily') }}
  where qty > 0
    and day >= {{ business_day(var('trial_week_days')) }}
    and day < {{ business_day() }}
  group by account_id
),

converting as (
  select account_id
  from {{ ref('account_notes') }}
  where flag in ('card_on_file', 'auto_convert')
  group by account_id
  having count(distinct flag) = 2
)

select
  subscriptions.account_id,
  subscriptions.trial_ends_at,
  coalesce(used.active_days, 0) as active_days
from {{ ref('stg_subscriptions') }} as subscriptions
inner join {{ ref('accounts') }} as accounts using (account_id)
left join used using (account_id)
left join converting using (account_id)
where subscriptions.status = 'trialing'
  and accounts.is_base
  and subscriptions.trial_ends_at >= {{ as_of() }}
  and subscriptions.trial_ends_at < {{ as_of(days=-var('trial_ending_days')) }}
  and converting.account_id is null
