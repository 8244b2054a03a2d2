select
  payment_id,
  order_id,
  invoice_id,
  attempt,
  status,
  amount,
  attempted_at,
  error_code
from {{ landed('billing', 'payments') }}
