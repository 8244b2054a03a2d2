select
  opportunity_id,
  account_id,
  kind,
  stage,
  status,
  amount,
  opened_at,
  {{ passed('closed_at') }} as closed_at,
  changed_at
from {{ landed('crm', 'opportunities') }}
