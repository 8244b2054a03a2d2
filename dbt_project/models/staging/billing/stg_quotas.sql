with versions as (
  select *
  from {{ ref('raw_quotas') }}
  where changed_at < {{ as_of() }}
),

latest as (
  {{ latest_known('versions', 'account_id, metric, period_start', 'changed_at desc, loaded_at desc') }}
)

select
  account_id,
  metric,
  quota,
  period_start,
  period_end,
  changed_at
from latest
