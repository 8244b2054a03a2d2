select
  product_id,
  available_qty,
  changed_at
from {{ landed('shop', 'stock_changes') }}
