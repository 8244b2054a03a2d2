select
  persons.person_id,
  persons.email,
  persons.phone,
  worth.margin
from {{ ref('person_value') }} as worth
inner join {{ ref('persons') }} as persons using (person_id)
where persons.is_base
  and coalesce(persons.email, persons.phone) is not null
  and worth.orders_count = 1
  and worth.margin < {{ var('low_margin') }}
