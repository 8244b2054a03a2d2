select
  bounce_id,
  person_ref,
  channel,
  kind,
  occurred_at
from {{ landed('messaging', 'bounces') }}
