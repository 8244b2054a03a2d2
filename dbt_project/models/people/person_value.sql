with orders as (
  select
    orders.order_id,
    orders.person_id,
    persons.is_base,
    orders.order_value,
    orders.refunded_value,
    case when orders.is_refunded then 1 else 0 end as refunded,
    case when orders.discount_value > 0 then 1 else 0 end as discounted
  from {{ ref('person_orders') }} as orders
  inner join {{ ref('persons') }} as persons using (person_id)
  where orders.cancelled_at is null
    and {{ within('orders.paid_at', days=var('value_days')) }}
),

goods as (
  select
    order_id,
    sum(qty) as units,
    sum(line_cost) as cost
  from {{ ref('person_order_lines') }}
  group by order_id
),

totals as (
  select
    orders.person_id,
    orders.is_base,
    count(*) as orders_count,
    sum(orders.order_value - orders.refunded_value) as revenue,
    sum(orders.order_value - orders.refunded_value - coalesce(goods.cost, 0)) as margin,
    round(avg(orders.order_value), 2) as mean_order_value,
    sum(orders.discounted) as discounted_orders,
    sum(orders.refunded) as refunded_orders,
    max(coalesce(goods.units, 0)) as most_units
  from orders
  left join goods using (order_id)
  group by orders.person_id, orders.is_base
)

select
  person_id,
  orders_count,
  cast(revenue as decimal(18, 2)) as revenue,
  cast(margin as decimal(18, 2)) as margin,
  cast(mean_order_value as decimal(18, 2)) as mean_order_value,
  discounted_orders,
  refunded_orders,
  most_units,
  -- Our own people stand in a row of their own.
  rank() over (partition by is_base order by revenue desc) as revenue_place,
  rank() over (partition by is_base order by margin desc) as margin_place,
  rank() over (partition by is_base order by mean_order_value desc) as order_value_place,
  count(*) over (partition by is_base) as buyers_count
from totals
