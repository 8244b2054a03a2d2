{# How an account pays: what is open, what is late, what failed. #}
with attempts as (
  select
    invoice_id,
    count(case when status = 'failed' and {{ within('attempted_at', days=var('payment_failed_days')) }} then 1 end)
      as failed_lately_count,
    max(case when status = 'failed' then attempted_at end) as last_failed_at
  from {{ ref('stg_payments') }}
  group by invoice_id
),

totals as (
  select
    invoices.account_id,
    count(case when invoices.paid_at is null then 1 end) as open_invoices_count,
    sum(case when invoices.paid_at is null then invoices.amount_due else 0 end) as open_value,
    sum(
      case when invoices.paid_at is null and invoices.due_at < {{ as_of() }} then invoices.amount_due else 0 end
    ) as overdue_value,
    count(
      case when invoices.paid_at is null and invoices.due_at <= {{ as_of(days=var('payment_late_days')) }} then 1 end
    ) as late_invoices_count,
    sum(coalesce(attempts.failed_lately_count, 0)) as failed_payments_lately,
    max(attempts.last_failed_at) as last_failed_at,
    count(case when invoices.paid_at is null and attempts.failed_lately_count > 0 then 1 end) as failing_invoices_count
  from {{ ref('stg_invoices') }} as invoices
  left join attempts on attempts.invoice_id = invoices.invoice_id
  group by invoices.account_id
)

select
  *,
  case
    when failing_invoices_count > 0 then 'failing'
    when late_invoices_count > 0 then 'late'
    when failed_payments_lately > 0 then 'shaky'
    else 'good'
  end as payment_health
from totals
