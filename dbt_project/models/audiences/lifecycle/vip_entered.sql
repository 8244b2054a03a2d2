with stretches as (
  select
    *,
    -- Days between this one and the next nearer one on the list; as_of itself stands before the first.
    days_ago - coalesce(lag(days_ago) over (partition by person_id order by days_ago), -1) - 1 as days_below
  from {{ ref('vip_days') }}
),

stays as (
  select
    *,
    max(days_below) over (
      partition by person_id order by days_ago rows between unbounded preceding and current row
    ) as longest_absence
  from stretches
),

members as (
  select
    person_id,
    max(case when is_entry then days_ago end) as entered_days_ago
  from stays
  where longest_absence < {{ var('vip_exit_days') }}
  group by person_id
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  cast({{ dbt.dateadd('day', '-cast(members.entered_days_ago as integer)', business_day()) }} as date) as entered_on
from members
inner join {{ ref('advertising_contacts') }} as contacts using (person_id)
where members.entered_days_ago is not null
