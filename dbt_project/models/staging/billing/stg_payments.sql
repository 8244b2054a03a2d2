with versions as (
  {{ latest_known(ref('raw_payments'), 'payment_id') }}
)

select
  payment_id,
  order_id,
  invoice_id,
  attempt,
  status,
  amount,
  attempted_at,
  error_code
from versions
where attempted_at < {{ as_of() }}
