with buyers as (
  select person_id, max(paid_at) as last_paid_at
  from {{ ref('person_orders') }}
  where {{ within('paid_at', days=var('recent_buyer_days')) }}
    and cancelled_at is null
    and not is_fully_refunded
  group by person_id
)

select
  persons.person_id,
  -- To be left out of advertising nobody has to consent.
  persons.email,
  persons.phone,
  buyers.last_paid_at
from buyers
inner join {{ ref('persons') }} as persons using (person_id)
where persons.is_base
  and coalesce(persons.email, persons.phone) is not null
