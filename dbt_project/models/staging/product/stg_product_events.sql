select
  event_id,
  account_id,
  person_ref,
  name,
  occurred_at
from {{ landed('product', 'product_events') }}
