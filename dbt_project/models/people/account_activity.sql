{# Who of an account uses the product, and what they do there. #}
with seated as (
  select account_id, count(distinct person_id) as members_count
  from {{ ref('account_members') }}
  group by account_id
),

did as (
  select
    events.account_id,
    count(distinct case when {{ within('events.occurred_at', days=14) }} then person_refs.person_id end)
      as active_members_14d,
    count(
      case when events.name = 'premium_feature_attempted' and {{ within('events.occurred_at', days=14) }} then 1 end
    ) as premium_attempts_14d,
    count(
      distinct case when {{ within('events.occurred_at', days=7) }} then {{ business_date('events.occurred_at') }} end
    ) as active_days_7d,
    min(case when events.name = 'activated' then events.occurred_at end) as activated_at,
    max(events.occurred_at) as last_active_at
  from {{ ref('stg_product_events') }} as events
  left join {{ ref('person_refs') }} as person_refs using (person_ref)
  group by events.account_id
)

select
  accounts.account_id,
  coalesce(seated.members_count, 0) as members_count,
  coalesce(did.active_members_14d, 0) as active_members_14d,
  coalesce(did.premium_attempts_14d, 0) as premium_attempts_14d,
  coalesce(did.active_days_7d, 0) as active_days_7d,
  did.activated_at,
  did.last_active_at
from {{ ref('accounts') }} as accounts
left join seated on seated.account_id = accounts.account_id
left join did on did.account_id = accounts.account_id
