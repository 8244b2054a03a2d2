select
  product_subscription_id,
  person_ref,
  product_id,
  every_days,
  started_at,
  {{ passed('cancelled_at') }} as cancelled_at
from {{ landed('shop', 'product_subscriptions') }}
