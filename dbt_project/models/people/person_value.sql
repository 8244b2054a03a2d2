with orders as (
  select
    orders.order_id,
    orders.person_id,
    orders.order_value,
    orders.refunded_value,
    case when orders.is_refunded then 1 else 0 end as refunded,
    case when stg_orders.discount_value > 0 then 1 else 0 end as discounted
  from {{ ref('person_orders') }} as orders
  inner join {{ ref('stg_orders') }} as stg_orders using (order_id)
  inner join {{ ref('persons') }} as persons on persons.person_id = orders.person_id
  where persons.is_base
    and orders.cancelled_at is null
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

shelves as (
  select
    person_id,
    category,
    sum(line_value) as spent,
    row_number() over (partition by person_id order by sum(line_value) desc, category) as place,
    sum(sum(line_value)) over (partition by person_id) as spent_in_all
  from {{ ref('person_order_lines') }}
  where {{ within('paid_at', days=var('value_days')) }}
  group by person_id, category
),

totals as (
  select
    orders.person_id,
    count(*) as orders_count,
    sum(orders.order_value - orders.refunded_value) as revenue,
    sum(orders.order_value - orders.refunded_value - coalesce(goods.cost, 0)) as margin,
    round(avg(orders.order_value), 2) as mean_order_value,
    sum(orders.discounted) as discounted_orders,
    sum(orders.refunded) as refunded_orders,
    max(coalesce(goods.units, 0)) as most_units
  from orders
  left join goods using (order_id)
  group by orders.person_id
)

select
  totals.person_id,
  totals.orders_count,
  cast(totals.revenue as decimal(18, 2)) as revenue,
  cast(totals.margin as decimal(18, 2)) as margin,
  cast(totals.mean_order_value as decimal(18, 2)) as mean_order_value,
  totals.discounted_orders,
  totals.refunded_orders,
  totals.most_units,
  shelves.category as top_category,
  cast(shelves.spent as decimal(18, 2)) as top_category_value,
  cast(shelves.spent_in_all as decimal(18, 2)) as goods_value,
  rank() over (order by totals.revenue desc) as revenue_place,
  rank() over (order by totals.margin desc) as margin_place,
  rank() over (order by totals.mean_order_value desc) as order_value_place,
  count(*) over () as buyers_count
from totals
left join shelves on shelves.person_id = totals.person_id and shelves.place = 1
