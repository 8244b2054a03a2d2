select
  account_id,
  name,
  lower(trim(domain)) as domain,
  kind,
  coalesce(is_internal, false) as is_internal,
  created_at
from {{ landed('billing', 'accounts') }}
