with versions as (
  {{ latest_known(ref('raw_identities'), 'identity_id') }}
)

select
  identity_id,
  person_ref,
  kind,
  trim(value) as value,
  coalesce(verified, false) as verified,
  first_seen_at
from versions
