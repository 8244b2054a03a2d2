with trials as (
  select *
  from {{ ref('ending_trials') }}
  where active_days < {{ var('trial_active_days') }}
),

members as (
  select
    members.person_id,
    trials.*,
    row_number() over (partition by members.person_id order by trials.trial_ends_at, trials.account_id) as choice
  from trials
  inner join {{ ref('account_members') }} as members using (account_id)
  where members.role = 'owner'
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  members.account_id,
  members.trial_ends_at,
  cast(members.active_days as integer) as active_days
from members
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where members.choice = 1
