with approaching as (
  select
    quotas.account_id,
    quotas.metric,
    quotas.used,
    quotas.quota,
    quotas.used / quotas.quota as ratio
  from {{ ref('account_quotas') }} as quotas
  inner join {{ ref('accounts') }} as accounts using (account_id)
  where accounts.is_base
    -- An empty quota is unlimited.
    and quotas.quota > 0
    and quotas.used >= {{ var('quota_warning_ratio') }} * quotas.quota
    and quotas.used < {{ var('quota_full_ratio') }} * quotas.quota
    and quotas.quota_changed_at < {{ as_of(hours=var('quota_settle_hours')) }}
),

members as (
  select
    members.person_id,
    approaching.account_id,
    approaching.metric,
    approaching.used,
    approaching.quota,
    approaching.ratio,
    row_number() over (
      partition by members.person_id order by approaching.ratio desc, approaching.account_id, approaching.metric
    ) as choice
  from approaching
  inner join {{ ref('account_members') }} as members using (account_id)
  where members.role in ('owner', 'admin', 'billing')
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  members.account_id,
  members.metric,
  cast(members.used as decimal(18, 2)) as used,
  members.quota,
  cast(round(members.ratio, 4) as decimal(18, 4)) as ratio
from members
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where members.choice = 1
