select distinct
  members.account_id,
  person_refs.person_id,
  members.role
from {{ ref('stg_members') }} as members
inner join {{ ref('person_refs') }} as person_refs using (person_ref)
inner join {{ ref('persons') }} as persons using (person_id)
where persons.is_base
  and members.active_from <= {{ as_of() }}
  and (members.active_to is null or members.active_to > {{ as_of() }})
