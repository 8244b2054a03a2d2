select
  consent_id,
  person_ref,
  channel,
  purpose,
  status,
  changed_at
from {{ landed('messaging', 'consents') }}
