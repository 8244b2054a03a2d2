with words as (
  select
    person_refs.person_id,
    consents.channel,
    consents.purpose,
    consents.status,
    consents.changed_at,
    row_number() over (
      partition by person_refs.person_id, consents.channel, consents.purpose
      -- In the same second no outweighs yes.
      order by consents.changed_at desc, case consents.status when 'granted' then 1 else 0 end
    ) as recency
  from {{ ref('stg_consents') }} as consents
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
),

withdrawn as (
  select person_id, max(changed_at) as withdrawn_at
  from words
  where recency = 1
    and status <> 'granted'
  group by person_id
)

select
  persons.person_id,
  persons.email,
  persons.phone,
  withdrawn.withdrawn_at
from withdrawn
inner join {{ ref('persons') }} as persons using (person_id)
