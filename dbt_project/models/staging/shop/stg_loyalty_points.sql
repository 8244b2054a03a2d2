select
  entry_id,
  person_ref,
  points,
  reason,
  occurred_at
from {{ landed('shop', 'loyalty_points') }}
