select
  shipment_id,
  order_id,
  kind,
  carrier,
  shipped_at,
  {{ passed('delivered_at') }} as delivered_at
from {{ landed('shop', 'shipments') }}
