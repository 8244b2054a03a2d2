select
  subscription_id,
  account_id,
  plan,
  status,
  mrr,
  seats,
  term_months,
  started_at,
  trial_ends_at,
  renews_at,
  cancelled_at,
  cancel_reason,
  changed_at
from {{ landed('billing', 'subscriptions') }}
