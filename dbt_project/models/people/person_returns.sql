select
  returns.return_id,
  orders.person_id,
  returns.order_id,
  returns.product_id,
  returns.requested_at,
  returns.closed_at
from {{ ref('stg_returns') }} as returns
inner join {{ ref('person_orders') }} as orders using (order_id)
