select
  return_id,
  order_id,
  product_id,
  reason,
  requested_at,
  {{ passed('closed_at') }} as closed_at
from {{ landed('shop', 'returns') }}
