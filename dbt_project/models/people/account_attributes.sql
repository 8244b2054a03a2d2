with subscriptions as (
  select
    *,
    row_number() over (
      partition by account_id
      order by
        case when status in ('active', 'past_due', 'trialing') then 0 else 1 end, started_at desc, subscription_id
    ) as choice
  from {{ ref('stg_subscriptions') }}
),

-- Of several metrics the one that is nearest to its limit counts.
quotas as (
  select
    account_id,
    max(used / nullif(quota, 0)) as quota_ratio
  from {{ ref('account_quotas') }}
  group by account_id
),

credits as (
  select
    account_id,
    sum(remaining) as remaining,
    sum(granted) as granted,
    sum(burnt_daily) as burnt_daily
  from {{ ref('account_grants') }}
  group by account_id
),

sales as (
  select account_id, max(stage) as open_opportunity_stage
  from {{ ref('stg_opportunities') }}
  where status = 'open'
  group by account_id
),

tickets as (
  select account_id, count(*) as open_tickets_count, min(severity) as worst_open_severity
  from {{ ref('stg_tickets') }}
  where closed_at is null and account_id is not null
  group by account_id
)

select
  accounts.account_id,
  cast({{ days_ago(business_date('accounts.created_at')) }} as integer) as tenure_days,

  subscriptions.plan,
  subscriptions.status as subscription_status,
  subscriptions.mrr,
  subscriptions.seats,
  subscriptions.renews_at,
  cast({{ dbt.datediff(business_day(), business_date('subscriptions.renews_at'), 'day') }} as integer)
    as days_to_renewal,
  subscriptions.term_months,

  cast(activity.members_count as integer) as members_count,
  cast(activity.active_members_14d as integer) as active_members_14d,
  cast(activity.active_members_14d / nullif(cast(subscriptions.seats as decimal(18, 4)), 0) as decimal(18, 4))
    as seat_use_14d,
  cast(activity.active_days_7d as integer) as active_days_7d,
  cast(activity.premium_attempts_14d as integer) as premium_attempts_14d,
  activity.activated_at,
  activity.last_active_at,

  cast(coalesce(usage.usage_this_week, 0) as decimal(18, 2)) as usage_7d,
  cast(coalesce(usage.usage_last_week, 0) as decimal(18, 2)) as usage_previous_7d,
  cast(usage.usage_this_week / nullif(usage.usage_last_week, 0) as decimal(18, 4)) as usage_trend,
  coalesce(trends.usage_slope, 0) as usage_slope_28d,
  cast(quotas.quota_ratio as decimal(18, 4)) as quota_ratio,

  cast(coalesce(payments.open_invoices_count, 0) as integer) as open_invoices_count,
  cast(coalesce(payments.overdue_value, 0) as decimal(18, 2)) as overdue_value,
  cast(coalesce(payments.failed_payments_lately, 0) as integer) as failed_payments_30d,
  payments.last_failed_at,
  coalesce(payments.payment_health, 'good') as payment_health,

  cast(credits.remaining as decimal(18, 2)) as credits_remaining,
  cast(credits.remaining / nullif(credits.granted, 0) as decimal(18, 4)) as credits_share,
  cast(credits.remaining / nullif(credits.burnt_daily, 0) as decimal(18, 1)) as credits_days_left,
  costs.cost_projected,
  cast(costs.cost_projected / nullif(costs.cost_usual, 0) as decimal(18, 4)) as cost_ratio,

  cast(coalesce(tickets.open_tickets_count, 0) as integer) as open_tickets_count,
  tickets.worst_open_severity,
  sales.open_opportunity_stage
from {{ ref('accounts') }} as accounts
inner join {{ ref('account_activity') }} as activity on activity.account_id = accounts.account_id
left join subscriptions on subscriptions.account_id = accounts.account_id and subscriptions.choice = 1
left join {{ ref('account_usage') }} as usage on usage.account_id = accounts.account_id and usage.days_ago = 0
left join {{ ref('account_trends') }} as trends on trends.account_id = accounts.account_id
left join quotas on quotas.account_id = accounts.account_id
left join {{ ref('account_payments') }} as payments on payments.account_id = accounts.account_id
left join credits on credits.account_id = accounts.account_id
left join {{ ref('account_costs') }} as costs on costs.account_id = accounts.account_id
left join tickets on tickets.account_id = accounts.account_id
left join sales on sales.account_id = accounts.account_id
