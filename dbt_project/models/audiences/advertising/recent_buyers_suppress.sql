with spells as (
  select order_id, max({{ days_by_category('category') }}) as days
  from {{ ref('person_order_lines') }}
  group by order_id
),

buyers as (
  select orders.person_id, max(orders.paid_at) as last_paid_at
  from {{ ref('person_orders') }} as orders
  left join spells using (order_id)
  where orders.paid_at < {{ as_of() }}
    and orders.paid_at
      >= {{ dbt.dateadd('day', '-coalesce(spells.days, ' ~ var('recent_buyer_days') ~ ')', as_of()) }}
    and orders.cancelled_at is null
    and not orders.is_fully_refunded
  group by orders.person_id
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
