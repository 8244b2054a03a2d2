select
  'p_' || substr(person_ref, 3) as old_person_id,
  person_id
from {{ ref('person_refs') }}
where person_id <> 'p_' || substr(person_ref, 3)
