{{ config(enabled=var('orders_from') == 'shopify') }}

select
  'r_' || id as refund_id,
  'o_' || order_id as order_id,
  cast(amount as decimal(18, 2)) as amount,
  {{ utc('processed_at') }} as refunded_at
from {{ landed('shopify', 'shopify_refunds') }}
