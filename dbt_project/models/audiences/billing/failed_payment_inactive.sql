with used as (
  select account_id
  from {{ ref('stg_usage_daily') }}
  where day >= {{ business_day(var('failed_payment_inactive_days')) }}
    and day < {{ business_day() }}
    and qty > 0
),

members as (
  select
    payers.person_id,
    failed.account_id,
    failed.invoice_id,
    failed.amount_due,
    failed.last_failed_at,
    row_number() over (
      partition by payers.person_id order by failed.last_failed_at desc, failed.invoice_id
    ) as choice
  from {{ ref('failed_invoices') }} as failed
  left join used using (account_id)
  inner join {{ ref('account_payers') }} as payers using (account_id)
  where used.account_id is null
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  members.account_id,
  members.invoice_id,
  members.amount_due,
  members.last_failed_at
from members
inner join {{ ref('service_contacts') }} as contacts using (person_id)
where members.choice = 1
