{{ config(enabled=var('orders_from') == 'shop') }}

select
  refund_id,
  order_id,
  amount,
  refunded_at
from {{ landed('shop', 'refunds') }}
