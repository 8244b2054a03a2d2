with sightings as (
  select value as anonymous_id, person_ref
  from {{ ref('person_identifiers') }}
  where kind in ('anonymous', 'device')
  union
  select anonymous_id, person_ref
  from {{ ref('stg_events') }}
  where anonymous_id is not null
)

select
  sightings.anonymous_id,
  min(person_refs.person_id) as person_id
from sightings
inner join {{ ref('person_refs') }} as person_refs using (person_ref)
group by sightings.anonymous_id
-- A browser that two people signed in from says nothing about who sits in front of it.
having count(distinct person_refs.person_id) = 1
