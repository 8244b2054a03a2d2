with orders as (
  select person_id, count(*) as orders_count
  from {{ ref('person_orders') }}
  where cancelled_at is null
    and {{ within('paid_at', days=var('repeat_days')) }}
  group by person_id
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  cast(orders.orders_count as integer) as orders_count
from orders
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where orders.orders_count >= {{ var('repeat_min_orders') }}
