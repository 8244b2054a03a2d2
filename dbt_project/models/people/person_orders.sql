with refunded as (
  select order_id, sum(amount) as refunded_value
  from {{ ref('stg_refunds') }}
  group by order_id
)

select
  orders.order_id,
  person_refs.person_id,
  orders.placed_at,
  orders.paid_at,
  orders.cancelled_at,
  orders.order_value,
  orders.discount_value,
  coalesce(refunded.refunded_value, 0) as refunded_value,
  refunded.order_id is not null as is_refunded,
  refunded.order_id is not null and refunded.refunded_value >= orders.order_value as is_fully_refunded
from {{ ref('stg_orders') }} as orders
inner join {{ ref('person_refs') }} as person_refs using (person_ref)
left join refunded on refunded.order_id = orders.order_id
