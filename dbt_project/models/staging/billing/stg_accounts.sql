with versions as (
  {{ latest_known(ref('raw_accounts'), 'account_id') }}
)

select
  account_id,
  name,
  domain,
  kind,
  coalesce(is_internal, false) as is_internal,
  created_at
from versions
