{# Accounts, contracts and money of the subscription business. #}
{% macro billing_tables() %}
{% set tables %}
accounts:
  columns: [account_id, name, domain, kind, is_internal, created_at]
  key: [account_id]
  faults:
    no key: coalesce(trim(account_id), '') = ''
    no moment: created_at is null
members:
  columns: [account_id, person_ref, role, active_from, active_to]
  key: [account_id, person_ref, role, active_from]
  faults:
    no account: coalesce(trim(account_id), '') = ''
    no person: coalesce(trim(person_ref), '') = ''
    unknown role: coalesce(role, '') not in ('owner', 'admin', 'billing', 'member')
    no moment: active_from is null
    left before joined: active_to < active_from
account_flags:
  columns: [flag_id, account_id, person_ref, flag, starts_at, ends_at]
  key: [flag_id]
  happened: starts_at
  faults:
    no key: flag_id is null
    nobody: coalesce(trim(account_id), trim(person_ref), '') = ''
    no flag: coalesce(trim(flag), '') = ''
    no moment: starts_at is null
subscriptions:
  columns: [subscription_id, account_id, plan, status, mrr, seats, term_months, started_at, trial_ends_at, renews_at, cancelled_at, cancel_reason, changed_at]
  key: [subscription_id]
  happened: changed_at
  newest: changed_at desc, loaded_at desc
  faults:
    no key: subscription_id is null
    no account: coalesce(trim(account_id), '') = ''
    unknown status: coalesce(status, '') not in ('trialing', 'active', 'past_due', 'paused', 'cancelled')
    no moment: changed_at is null
    negative amount: mrr < 0 or seats < 0
invoices:
  columns: [invoice_id, account_id, amount_due, issued_at, due_at, paid_at, disputed_at]
  key: [invoice_id]
  happened: issued_at
  faults:
    no key: invoice_id is null
    no account: coalesce(trim(account_id), '') = ''
    no moment: issued_at is null
    no amount: amount_due is null
    negative amount: amount_due < 0
payments:
  columns: [payment_id, order_id, invoice_id, attempt, status, amount, attempted_at, error_code]
  key: [payment_id]
  happened: attempted_at
  faults:
    no key: payment_id is null
    for nothing: order_id is null and invoice_id is null
    unknown status: coalesce(status, '') not in ('succeeded', 'failed', 'pending')
    no moment: attempted_at is null
    negative amount: amount < 0
chargebacks:
  columns: [chargeback_id, order_id, amount, opened_at, closed_at]
  key: [chargeback_id]
  happened: opened_at
  faults:
    no key: chargeback_id is null
    no order: order_id is null
    no moment: opened_at is null
    closed before opened: closed_at < opened_at
usage_daily:
  columns: [account_id, metric, day, qty]
  key: [account_id, metric, day]
  faults:
    no account: coalesce(trim(account_id), '') = ''
    no key: metric is null or day is null
    no quantity: qty is null
    negative quantity: qty < 0
quotas:
  columns: [account_id, metric, quota, period_start, period_end, changed_at]
  key: [account_id, metric, period_start]
  happened: changed_at
  newest: changed_at desc, loaded_at desc
  faults:
    no account: coalesce(trim(account_id), '') = ''
    no key: metric is null or period_start is null
    no moment: changed_at is null
    ends before it starts: period_end is null or period_end <= period_start
    negative quantity: quota < 0
{% endset %}
{{ return(fromyaml(tables)) }}
{% endmacro %}
