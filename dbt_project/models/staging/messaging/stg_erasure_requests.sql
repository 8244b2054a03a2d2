select
  request_id,
  person_ref,
  requested_at,
  {{ passed('closed_at') }} as closed_at
from {{ landed('messaging', 'erasure_requests') }}
