with zones as (
  select
    person_refs.person_id,
    persons.timezone,
    row_number() over (
      partition by person_refs.person_id
      order by persons.created_at desc, persons.person_ref
    ) as recency
  from {{ ref('person_refs') }} as person_refs
  inner join {{ ref('stg_persons') }} as persons using (person_ref)
  where persons.deleted_at is null
    and persons.timezone is not null
)

select
  persons.person_id,
  persons.email,
  persons.phone,
  persons.email_consent,
  persons.sms_consent,
  persons.push_consent,
  zones.timezone
from {{ ref('persons') }} as persons
left join zones on zones.person_id = persons.person_id and zones.recency = 1
where persons.is_base
