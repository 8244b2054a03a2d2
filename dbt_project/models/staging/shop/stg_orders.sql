with versions as (
  {{ latest_known(ref('raw_orders'), 'order_id') }}
)

select
  order_id,
  person_ref,
  placed_at,
  {{ passed('paid_at') }} as paid_at,
  {{ passed('cancelled_at') }} as cancelled_at,
  {{ passed('delivered_at') }} as delivered_at,
  cast(gross - coalesce(discount, 0) as decimal(18, 2)) as order_value
from versions
