select
  product_id,
  price,
  upper(trim(currency)) as currency,
  changed_at
from {{ landed('shop', 'price_changes') }}
