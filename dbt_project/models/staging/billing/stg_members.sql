with versions as (
  {{ latest_known(ref('raw_members'), 'account_id, person_ref, role, active_from') }}
)

select
  account_id,
  person_ref,
  role,
  active_from,
  active_to
from versions
