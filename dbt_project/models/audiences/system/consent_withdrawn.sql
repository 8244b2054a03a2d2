with withdrawn as (
  select person_id, max(changed_at) as withdrawn_at
  from {{ ref('person_consents') }}
  where status <> 'granted'
  group by person_id
)

select
  persons.person_id,
  persons.email,
  persons.phone,
  withdrawn.withdrawn_at
from withdrawn
inner join {{ ref('persons') }} as persons using (person_id)
