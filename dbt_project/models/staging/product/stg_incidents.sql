select
  incident_id,
  account_id,
  kind,
  started_at,
  {{ passed('ended_at') }} as ended_at
from {{ landed('product', 'incidents') }}
