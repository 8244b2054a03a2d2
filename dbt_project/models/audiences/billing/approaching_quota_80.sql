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
    quotas.period_start,
    quotas.days_elapsed,
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
    and quotas.used < {{ var('quota_full_ratio') }} * quotas.quota
    and (quotas.used >= {{ var('quota_warning_ratio') }} * quotas.quota
      -- At this pace it is used up so many days before the period ends. The first days say little of a period.
      or (quotas.days_elapsed >= {{ var('quota_pace_min_days') }}
        and quotas.quota * quotas.days_elapsed < quotas.used * (
          {{ dbt.datediff('quotas.period_start', 'quotas.period_end', 'day') }} - {{ var('quota_pace_spare_days') }}
        )))
),

approaching as (
  select
    *,
    {{ dbt.dateadd('day', 'cast(floor(quota * days_elapsed / used) as integer)', 'period_start') }} as runs_out
  from judged
  where excluded is null
),

members as (
  select
    members.person_id,
    approaching.*,
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
  cast(round(members.ratio, 4) as decimal(18, 4)) as ratio,
  cast(members.runs_out as date) as runs_out_on
from members
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where members.choice = 1
