with attempts as (
  select
    invoice_id,
    max(case when status = 'failed' then attempted_at end) as last_failed_at,
    max(case when status = 'succeeded' then attempted_at end) as last_succeeded_at
  from {{ ref('stg_payments') }}
  group by invoice_id
),

agreed as (
  select account_id
  from {{ ref('account_notes') }}
  where flag in ('manual_terms', 'grace_agreed')
)

select
  invoices.account_id,
  invoices.invoice_id,
  invoices.amount_due,
  attempts.last_failed_at
from {{ ref('stg_invoices') }} as invoices
inner join attempts using (invoice_id)
inner join {{ ref('accounts') }} as accounts using (account_id)
left join agreed using (account_id)
where accounts.is_base
  and agreed.account_id is null
  and invoices.paid_at is null
  and invoices.disputed_at is null
  and invoices.amount_due >= {{ var('failed_payment_min_amount') }}
  and {{ within('attempts.last_failed_at', hours=var('failed_payment_hours')) }}
  and (attempts.last_succeeded_at is null or attempts.last_succeeded_at < attempts.last_failed_at)
