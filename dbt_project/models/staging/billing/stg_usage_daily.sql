select
  account_id,
  metric,
  day,
  qty,
  loaded_at
from {{ landed('billing', 'usage_daily') }}
