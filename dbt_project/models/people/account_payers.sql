with ranked as (
  select
    account_id,
    person_id,
    -- billing comes before owner in the alphabet as well.
    dense_rank() over (partition by account_id order by role) as place
  from {{ ref('account_members') }}
  where role in ('billing', 'owner')
)

select account_id, person_id
from ranked
where place = 1
