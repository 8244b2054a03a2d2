with paid as (
  select
    *,
    row_number() over (partition by person_id order by paid_at, order_id) as place,
    row_number() over (partition by person_id order by paid_at desc, order_id desc) as recency
  from {{ ref('person_orders') }}
  where paid_at is not null
)

select
  person_id,
  count(*) as orders_count,
  count(cancelled_at) as cancelled_orders_count,
  min(paid_at) as first_paid_at,
  max(case when place = 1 then order_id end) as first_order_id,
  max(paid_at) as last_paid_at,
  max(case when recency = 1 then order_value end) as last_order_value,
  max(case when recency = 1 and is_fully_refunded then 1 else 0 end) = 1 as last_order_fully_refunded,
  sum(order_value) as paid_value,
  sum(refunded_value) as refunded_value,
  count(case when discount_value > 0 then 1 end) as discounted_orders_count,
  sum(discount_value) as discount_value,
  count(case when {{ within('paid_at', days=var('vip_days')) }} then 1 end) as recent_orders_count,
  coalesce(sum(case when {{ within('paid_at', days=var('vip_days')) }} then order_value - refunded_value end), 0)
    as recent_revenue
from paid
group by person_id
