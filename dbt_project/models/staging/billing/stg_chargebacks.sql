select
  chargeback_id,
  order_id,
  amount,
  opened_at,
  {{ passed('closed_at') }} as closed_at
from {{ landed('billing', 'chargebacks') }}
