with versions as (
  {{ latest_known(ref('raw_invoices'), 'invoice_id') }}
)

select
  invoice_id,
  account_id,
  amount_due,
  issued_at,
  due_at,
  {{ passed('paid_at') }} as paid_at,
  {{ passed('disputed_at') }} as disputed_at
from versions
where issued_at < {{ as_of() }}
