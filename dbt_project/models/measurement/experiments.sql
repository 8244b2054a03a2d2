with drawn as (
  select
    audience,
    person_key,
    standing as arm,
    since as assigned_at,
    row_number() over (partition by audience, person_key order by since) as nth
  from {{ ref('recorded_stays') }}
  where standing in ('sent', 'held_out')
),

windows as (
  select
    drawn.*,
    goals.goal,
    goals.holdout,
    {{ later('drawn.assigned_at', 'goals.within_seconds') }} as ends_at,
    {{ later('drawn.assigned_at', '-goals.within_seconds') }} as begins_at
  from drawn
  inner join {{ ref('audience_goals') }} as goals using (audience)
  where drawn.nth = 1
    and goals.holdout > 0
)

select
  windows.audience,
  windows.person_key,
  windows.arm,
  windows.assigned_at,
  windows.ends_at <= {{ as_of() }} as is_complete,
  windows.holdout,
  cast(coalesce(max(case
    when deeds.name = windows.goal and deeds.occurred_at >= windows.assigned_at then 1
  end), 0) as double precision) as converted,
  cast(coalesce(max(case
    when deeds.name = windows.goal and deeds.occurred_at < windows.assigned_at then 1
  end), 0) as double precision) as converted_before,
  cast(coalesce(sum(case
    when deeds.name = 'order_paid' and deeds.occurred_at >= windows.assigned_at then deeds.value
  end), 0) as double precision) as revenue,
  cast(coalesce(sum(case
    when deeds.name = 'order_paid' and deeds.occurred_at < windows.assigned_at then deeds.value
  end), 0) as double precision) as revenue_before
from windows
left join {{ ref('goal_events') }} as deeds
  on deeds.person_key = windows.person_key
  and deeds.name in (windows.goal, 'order_paid')
  and deeds.occurred_at >= windows.begins_at
  and deeds.occurred_at < windows.ends_at
group by
  windows.audience,
  windows.person_key,
  windows.arm,
  windows.assigned_at,
  windows.ends_at,
  windows.holdout
