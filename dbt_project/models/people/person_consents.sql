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
      order by
        consents.changed_at desc, case consents.status when 'granted' then 1 else 0 end, consents.status
    ) as recency,
    min(case consents.status when 'granted' then consents.changed_at end) over (
      partition by person_refs.person_id, consents.channel, consents.purpose
    ) as first_granted_at
  from {{ ref('stg_consents') }} as consents
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
)

select
  person_id,
  channel,
  purpose,
  status,
  changed_at,
  first_granted_at
from words
where recency = 1
