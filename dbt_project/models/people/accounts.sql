with live as (
  select distinct account_id
  from {{ ref('stg_subscriptions') }}
  where status in ('active', 'past_due')
)

select
  accounts.account_id,
  accounts.kind,
  accounts.created_at,
  not accounts.is_internal as is_base,
  live.account_id is not null as has_live_subscription
from {{ ref('stg_accounts') }} as accounts
left join live using (account_id)
