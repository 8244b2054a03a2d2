select
  flag_id,
  account_id,
  person_ref,
  flag,
  starts_at,
  ends_at
from {{ landed('billing', 'account_flags') }}
