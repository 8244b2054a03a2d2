select
  lines.order_id,
  orders.person_id,
  lines.product_id,
  products.category,
  coalesce(products.is_consumable, false) as is_consumable,
  lines.qty,
  lines.line_value,
  -- What a thing costs that nobody says the cost of is what it was sold for: it earns nothing.
  cast(lines.qty * coalesce(products.cost, lines.unit_price) as decimal(18, 2)) as line_cost,
  orders.paid_at
from {{ ref('stg_order_lines') }} as lines
inner join {{ ref('person_orders') }} as orders using (order_id)
left join {{ ref('stg_products') }} as products using (product_id)
where orders.paid_at is not null
  and orders.cancelled_at is null
