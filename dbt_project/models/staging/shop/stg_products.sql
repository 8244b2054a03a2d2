select
  product_id,
  name,
  category,
  price as list_price,
  cost,
  upper(trim(currency)) as currency,
  coalesce(consumable, false) as is_consumable,
  created_at
from {{ landed('shop', 'products') }}
