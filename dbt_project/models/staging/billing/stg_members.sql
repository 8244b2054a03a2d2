select
  account_id,
  person_ref,
  role,
  active_from,
  active_to
from {{ landed('billing', 'members') }}
