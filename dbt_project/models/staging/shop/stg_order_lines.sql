{{ config(enabled=var('orders_from') == 'shop') }}

select
  order_id,
  line_no,
  product_id,
  qty,
  unit_price,
  cast(qty * unit_price as decimal(18, 2)) as line_value
from {{ landed('shop', 'order_lines') }}
