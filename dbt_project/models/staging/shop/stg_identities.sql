select
  identity_id,
  person_ref,
  kind,
  trim(value) as value,
  coalesce(verified, false) as verified,
  first_seen_at
from {{ landed('shop', 'identities') }}
