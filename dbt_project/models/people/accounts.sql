with live as (
  select
    account_id,
    plan,
    row_number() over (partition by account_id order by mrr desc, subscription_id) as choice
  from {{ ref('stg_subscriptions') }}
  where status in ('active', 'past_due')
)

select
  accounts.account_id,
  accounts.kind,
  accounts.created_at,
  not accounts.is_internal as is_base,
  live.account_id is not null as has_live_subscription,
  live.plan
from {{ ref('stg_accounts') }} as accounts
left join live on live.account_id = accounts.account_id and live.choice = 1
