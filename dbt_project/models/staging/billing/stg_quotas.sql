select
  account_id,
  metric,
  quota,
  period_start,
  period_end,
  changed_at
from {{ landed('billing', 'quotas') }}
