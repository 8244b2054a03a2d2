select
  product_id,
  available_qty
from (
  select
    product_id,
    available_qty,
    row_number() over (partition by product_id order by changed_at desc) as recency
  from {{ ref('stg_stock_changes') }}
) as changes
where recency = 1
