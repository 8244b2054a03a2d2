select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  cast(purchases.recent_revenue as decimal(18, 2)) as revenue_365d,
  cast(purchases.recent_orders_count as integer) as orders_365d
from {{ ref('person_purchases') }} as purchases
inner join {{ ref('advertising_contacts') }} as contacts using (person_id)
where purchases.recent_revenue >= {{ var('vip_min_revenue') }}
  and purchases.recent_orders_count >= {{ var('vip_min_orders') }}
