select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  cast(worth.orders_count as integer) as orders_count,
  cast(worth.discounted_orders as integer) as discounted_orders
from {{ ref('person_value') }} as worth
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where worth.orders_count >= {{ var('discount_min_orders') }}
  and worth.discounted_orders >= {{ var('discount_share') }} * worth.orders_count
