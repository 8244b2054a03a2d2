select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  orders.order_id,
  orders.order_value
from {{ ref('person_purchases') }} as purchases
inner join {{ ref('person_orders') }} as orders on orders.order_id = purchases.first_order_id
inner join {{ ref('marketing_contacts') }} as contacts on contacts.person_id = purchases.person_id
where {{ within('purchases.first_paid_at', hours=var('first_purchase_hours')) }}
  and orders.cancelled_at is null
  and not orders.is_refunded
