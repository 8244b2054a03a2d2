with agreed as (
  select account_id
  from {{ ref('account_notes') }}
  where flag = 'prepaid_overage'
),

judged as (
  select
    quotas.account_id,
    quotas.metric,
    quotas.used,
    quotas.quota,
    quotas.used / quotas.quota as ratio,
    case
      when agreed.account_id is not null then 'prepaid_overage'
      when quotas.quota_changed_at >= {{ as_of(hours=var('quota_settle_hours')) }} then 'quota_just_changed'
    end as excluded
  from {{ ref('account_quotas') }} as quotas
  inner join {{ ref('accounts') }} as accounts using (account_id)
  left join agreed using (account_id)
  where accounts.is_base
    -- An empty quota is unlimited.
    and quotas.quota > 0
    and quotas.used >= {{ var('quota_full_ratio') }} * quotas.quota
),

beyond as (
  select *
  from judged
  where excluded is null
),

members as (
  select
    members.person_id,
    beyond.*,
    row_number() over (
      partition by members.person_id order by beyond.ratio desc, beyond.account_id, beyond.metric
    ) as choice
  from beyond
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
inner join {{ ref('service_contacts') }} as contacts using (person_id)
where members.choice = 1
