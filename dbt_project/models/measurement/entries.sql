with stays as (
  select
    audience,
    person_key,
    entry_id,
    entered_at,
    min(decided_at) as decided_at,
    max(left_at) as left_at,
    max(case when since = entered_at then standing end) as standing
  from {{ ref('recorded_stays') }}
  group by audience, person_key, entry_id, entered_at
)

select
  *,
  cast({{ dbt.datediff(
    'lag(left_at) over (partition by audience, person_key order by entry_id)', 'entered_at', 'second')
  }} as bigint) as returned_after_seconds
from stays
