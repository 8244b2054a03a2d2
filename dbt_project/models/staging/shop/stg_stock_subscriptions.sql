select
  stock_subscription_id,
  person_ref,
  product_id,
  subscribed_at,
  {{ passed('cancelled_at') }} as cancelled_at
from {{ landed('shop', 'stock_subscriptions') }}
