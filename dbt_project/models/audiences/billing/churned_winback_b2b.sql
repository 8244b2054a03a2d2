with live as (
  select account_id
  from {{ ref('stg_subscriptions') }}
  where status in ('active', 'past_due', 'trialing')
),

held as (
  select account_id
  from {{ ref('account_notes') }}
  where flag = 'legal_hold'
),

judged as (
  select
    subscriptions.account_id,
    subscriptions.cancelled_at,
    case
      when live.account_id is not null then 'subscribed_again'
      when held.account_id is not null then 'legal_hold'
    end as excluded
  from {{ ref('stg_subscriptions') }} as subscriptions
  inner join {{ ref('accounts') }} as accounts using (account_id)
  left join live using (account_id)
  left join held using (account_id)
  where accounts.is_base
    and subscriptions.status = 'cancelled'
    and coalesce(subscriptions.cancel_reason, '') not in ('closed', 'fraud')
    and {{ days_ago(business_date('subscriptions.cancelled_at')) }}
      between {{ var('churn_min_days') }} and {{ var('churn_max_days') }}
    and subscriptions.started_at
      <= {{ dbt.dateadd('day', -var('churn_min_tenure_days'), 'subscriptions.cancelled_at') }}
),

members as (
  select
    person_refs.person_id,
    judged.account_id,
    judged.cancelled_at,
    row_number() over (
      partition by person_refs.person_id order by judged.cancelled_at desc, judged.account_id
    ) as choice
  from judged
  -- Those of that day: by now the account may have no members at all.
  inner join {{ ref('stg_members') }} as members
    on members.account_id = judged.account_id
    and members.active_from <= judged.cancelled_at
    and (members.active_to is null or members.active_to >= judged.cancelled_at)
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
  where judged.excluded is null
    and members.role in ('owner', 'admin')
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  members.account_id,
  members.cancelled_at
from members
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where members.choice = 1
