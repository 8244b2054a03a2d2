with activity as (
  select
    account_id,
    person_id,
    count(*) as deeds,
    max(occurred_at) as last_active_at
  from {{ ref('member_activity') }}
  where {{ within('occurred_at', days=var('champion_days')) }}
  group by account_id, person_id
),

sizes as (
  select account_id, count(distinct person_id) as members
  from {{ ref('account_members') }}
  group by account_id
),

ranked as (
  select
    members.account_id,
    members.person_id,
    members.role,
    activity.last_active_at,
    max(activity.last_active_at) over (partition by members.account_id) as account_active_at,
    rank() over (partition by members.account_id order by coalesce(activity.deeds, 0) desc) as place
  from {{ ref('account_members') }} as members
  left join activity using (account_id, person_id)
),

gone as (
  select person_refs.person_id
  from {{ ref('stg_bounces') }} as bounces
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
  where bounces.kind = 'hard'
    and bounces.channel = 'email'
),

away as (
  select account_id, person_id
  from {{ ref('account_notes') }}
  where flag = 'vacation'
),

judged as (
  select
    ranked.account_id,
    ranked.person_id,
    ranked.role,
    ranked.last_active_at,
    case
      when away.person_id is not null then 'vacation'
      when sizes.members < {{ var('champion_min_members') }} then 'small_account'
    end as excluded
  from ranked
  inner join {{ ref('accounts') }} as accounts using (account_id)
  inner join sizes using (account_id)
  left join gone using (person_id)
  left join away using (account_id, person_id)
  where accounts.is_base
    and accounts.has_live_subscription
    and (ranked.place = 1 or ranked.role = 'admin')
    and ranked.account_active_at >= {{ as_of(days=var('champion_quiet_days')) }}
    and (gone.person_id is not null
      or ranked.last_active_at is null
      or ranked.last_active_at < {{ as_of(days=var('champion_quiet_days')) }})
),

chosen as (
  select
    *,
    row_number() over (partition by person_id order by account_id) as choice
  from judged
  where excluded is null
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  chosen.account_id,
  chosen.last_active_at
from chosen
inner join {{ ref('service_contacts') }} as contacts using (person_id)
where chosen.choice = 1
