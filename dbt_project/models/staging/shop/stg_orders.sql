{{ config(enabled=var('orders_from') == 'shop') }}

select
  order_id,
  person_ref,
  placed_at,
  {{ passed('paid_at') }} as paid_at,
  {{ passed('cancelled_at') }} as cancelled_at,
  {{ passed('delivered_at') }} as delivered_at,
  gross as gross_value,
  coalesce(discount, 0) as discount_value,
  cast(gross - coalesce(discount, 0) as decimal(18, 2)) as order_value
from {{ landed('shop', 'orders') }}
