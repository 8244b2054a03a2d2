select
  ticket_id,
  person_ref,
  account_id,
  kind,
  severity,
  opened_at,
  {{ passed('closed_at') }} as closed_at
from {{ landed('support', 'tickets') }}
