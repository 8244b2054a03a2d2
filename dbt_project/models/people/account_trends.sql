{# The least squares line through the last days, said with whole numbers: a day without usage is zero. #}
{%- set days = var('pql_trend_days') %}
select
  account_id,
  cast(
    sum(qty * ({{ days + 1 }} - 2 * {{ days_ago('day') }})) / {{ days * (days * days - 1) // 6 }} as decimal(18, 4)
  ) as usage_slope
from {{ ref('stg_usage_daily') }}
where metric = '{{ var("usage_metric") }}'
  and day < {{ business_day() }}
  and day >= {{ business_day(days) }}
group by account_id
