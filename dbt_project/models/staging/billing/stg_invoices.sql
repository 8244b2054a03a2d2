select
  invoice_id,
  account_id,
  amount_due,
  issued_at,
  due_at,
  {{ passed('paid_at') }} as paid_at,
  {{ passed('disputed_at') }} as disputed_at
from {{ landed('billing', 'invoices') }}
