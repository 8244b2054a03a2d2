{# Days for metrics over time, from the first of the data to as_of. #}
select cast({{ dbt.dateadd('day', '-number', business_day()) }} as date) as date_day
from ({{ numbers(730) }}) as numbers
