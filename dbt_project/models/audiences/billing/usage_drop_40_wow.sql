with turns as (
  select
    account_id,
    min(case when has_fallen and excluded is null then days_ago end) as last_entry,
    min(case when has_left then days_ago end) as last_exit
  from {{ ref('usage_days') }}
  group by account_id
),

judged as (
  select
    account_id,
    today.usage_this_week,
    today.usage_last_week,
    coalesce(1 - today.usage_this_week / nullif(today.usage_last_week, 0), 0) as drop_share,
    today.excluded
  from {{ ref('usage_days') }} as today
  inner join turns using (account_id)
  where today.days_ago = 0
    and (today.has_fallen or coalesce(turns.last_entry < turns.last_exit, turns.last_entry is not null))
),

fallen as (
  select *
  from judged
  where excluded is null
),

members as (
  select
    members.person_id,
    fallen.*,
    row_number() over (partition by members.person_id order by fallen.drop_share desc, fallen.account_id) as choice
  from fallen
  inner join {{ ref('account_members') }} as members using (account_id)
  where members.role in ('owner', 'admin')
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  members.account_id,
  cast(members.usage_this_week as decimal(18, 2)) as usage_this_week,
  cast(members.usage_last_week as decimal(18, 2)) as usage_last_week,
  cast(round(100 * members.drop_share, 1) as decimal(18, 1)) as drop_pct
from members
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where members.choice = 1
