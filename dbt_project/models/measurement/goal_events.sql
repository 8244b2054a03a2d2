with orders as (
  select order_id, person_id, paid_at, cast(order_value - refunded_value as decimal(18, 2)) as value
  from {{ ref('person_orders') }}
  where paid_at is not null
    and cancelled_at is null
),

quotas as (
  select
    account_id,
    metric,
    quota,
    changed_at,
    lag(quota) over (partition by account_id, metric order by changed_at, period_start) as quota_before
  from {{ ref('stg_quotas') }}
),

credits as (
  select account_id, grant_id, min(measured_at) as bought_at, max(granted) as value
  from {{ ref('stg_credit_balances') }}
  where kind <> 'CREDIT'
  group by account_id, grant_id
),

account_deeds as (
  select invoice_id as deed_id, account_id, 'invoice_paid' as name, paid_at as occurred_at, amount_due as value
  from {{ ref('stg_invoices') }}
  where paid_at is not null
  union all
  select distinct
    invoices.invoice_id,
    invoices.account_id,
    'subscription_paid' as name,
    invoices.paid_at,
    invoices.amount_due
  from {{ ref('stg_invoices') }} as invoices
  inner join {{ ref('stg_subscriptions') }} as subscriptions using (account_id)
  where invoices.paid_at is not null
    and subscriptions.cancelled_at is null
    and invoices.paid_at >= coalesce(subscriptions.trial_ends_at, subscriptions.started_at)
  union all
  select
    opportunity_id,
    account_id,
    case kind when 'renewal' then 'renewed' else 'plan_upgraded' end as name,
    closed_at,
    amount
  from {{ ref('stg_opportunities') }}
  where status = 'won'
    and kind in ('renewal', 'expansion')
    and closed_at is not null
  union all
  select
    account_id || '|' || metric || '|' || cast(changed_at as varchar) as deed_id,
    account_id,
    'quota_raised' as name,
    changed_at,
    0 as value
  from quotas
  where quota > quota_before
  union all
  select grant_id, account_id, 'credits_bought' as name, bought_at, value
  from credits
),

members as (
  select distinct account_id, person_id
  from {{ ref('account_members') }}
)

select order_id as deed_id, person_id as person_key, 'order_paid' as name, paid_at as occurred_at, value
from orders
union all
select order_id, person_id, 'person_orders' as name, paid_at, value
from orders
union all
select review_id, person_id, 'review_written' as name, created_at, 0 as value
from {{ ref('person_reviews') }}
union all
select event_id, person_id, name, occurred_at, coalesce(value, 0) as value
from {{ ref('person_events') }}
union all
select events.event_id, person_refs.person_id, events.name, events.occurred_at, 0 as value
from {{ ref('stg_product_events') }} as events
inner join {{ ref('person_refs') }} as person_refs using (person_ref)
union all
select deeds.deed_id, members.person_id, deeds.name, deeds.occurred_at, coalesce(deeds.value, 0) as value
from account_deeds as deeds
inner join members using (account_id)
