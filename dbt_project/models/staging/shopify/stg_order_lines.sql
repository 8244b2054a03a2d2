{{ config(enabled=var('orders_from') == 'shopify') }}

select
  'o_' || order_id as order_id,
  cast(line_number as integer) as line_no,
  sku as product_id,
  cast(quantity as integer) as qty,
  cast(price as decimal(18, 2)) as unit_price,
  cast(cast(quantity as integer) * cast(price as decimal(18, 2)) as decimal(18, 2)) as line_value
from {{ landed('shopify', 'shopify_order_lines') }}
