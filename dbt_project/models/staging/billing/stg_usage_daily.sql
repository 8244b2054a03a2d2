with versions as (
  {{ latest_known(ref('raw_usage_daily'), 'account_id, metric, day') }}
)

select
  account_id,
  metric,
  day,
  qty
from versions
