with attempts as (
  select
    invoice_id,
    max(case when status = 'failed' then attempted_at end) as last_failed_at,
    max(case when status = 'succeeded' then attempted_at end) as last_succeeded_at
  from {{ ref('stg_payments') }}
  where invoice_id is not null
  group by invoice_id
),

active as (
  select distinct account_id
  from {{ ref('stg_usage_daily') }}
  where day >= {{ business_day(var('failed_payment_active_days')) }}
    and day < {{ business_day() }}
    and qty > 0
),

failed as (
  select
    invoices.account_id,
    invoices.invoice_id,
    invoices.amount_due,
    attempts.last_failed_at
  from {{ ref('stg_invoices') }} as invoices
  inner join attempts using (invoice_id)
  inner join active using (account_id)
  inner join {{ ref('accounts') }} as accounts using (account_id)
  where accounts.is_base
    and invoices.paid_at is null
    and invoices.disputed_at is null
    and invoices.amount_due >= {{ var('failed_payment_min_amount') }}
    and {{ within('attempts.last_failed_at', hours=var('failed_payment_hours')) }}
    and (attempts.last_succeeded_at is null or attempts.last_succeeded_at < attempts.last_failed_at)
),

payers as (
  select
    account_id,
    person_id,
    -- The owner answers for an account without a billing member.
    dense_rank() over (partition by account_id order by role) as place
  from {{ ref('account_members') }}
  where role in ('billing', 'owner')
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
  from failed
  inner join payers using (account_id)
  where payers.place = 1
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
