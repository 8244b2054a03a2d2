with windows as (
  select
    entries.audience,
    entries.person_key,
    entries.entry_id,
    entries.standing,
    entries.entered_at,
    goals.goal,
    {{ later('entries.entered_at', 'goals.within_seconds') }} as window_ends_at
  from {{ ref('entries') }} as entries
  inner join {{ ref('audience_goals') }} as goals using (audience)
)

select
  windows.audience,
  windows.person_key,
  windows.entry_id,
  windows.standing,
  windows.entered_at,
  windows.window_ends_at,
  windows.window_ends_at <= {{ as_of() }} as is_complete,
  min(case when deeds.name = windows.goal then deeds.occurred_at end) as converted_at,
  count(case when deeds.name = windows.goal then 1 end) as deeds,
  cast(coalesce(sum(case when deeds.name = 'order_paid' then deeds.value end), 0) as decimal(18, 2)) as revenue
from windows
left join {{ ref('goal_events') }} as deeds
  on deeds.person_key = windows.person_key
  and deeds.name in (windows.goal, 'order_paid')
  and deeds.occurred_at >= windows.entered_at
  and deeds.occurred_at < windows.window_ends_at
group by
  windows.audience,
  windows.person_key,
  windows.entry_id,
  windows.standing,
  windows.entered_at,
  windows.window_ends_at
