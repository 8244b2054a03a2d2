with versions as (
  select *
  from {{ ref('raw_subscriptions') }}
  where changed_at < {{ as_of() }}
),

latest as (
  {{ latest_known('versions', 'subscription_id', 'changed_at desc, loaded_at desc') }}
)

select
  subscription_id,
  account_id,
  plan,
  status,
  mrr,
  seats,
  started_at,
  trial_ends_at,
  renews_at,
  cancelled_at,
  changed_at
from latest
