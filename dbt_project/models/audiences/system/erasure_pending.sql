with requests as (
  select person_refs.person_id, requests.requested_at
  from {{ ref('stg_erasure_requests') }} as requests
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
  where requests.closed_at is null
  union all
  select person_refs.person_id, consents.changed_at as requested_at
  from {{ ref('stg_consents') }} as consents
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
  where consents.status = 'erasure'
),

pending as (
  select person_id, min(requested_at) as requested_at
  from requests
  group by person_id
)

select
  persons.person_id,
  persons.email,
  persons.phone,
  pending.requested_at
from pending
inner join {{ ref('persons') }} as persons using (person_id)
