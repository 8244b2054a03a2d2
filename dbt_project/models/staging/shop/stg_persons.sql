select
  person_ref,
  first_name,
  last_name,
  upper(trim(country)) as country,
  timezone,
  created_at,
  coalesce(is_test, false) as is_test,
  coalesce(is_employee, false) as is_employee,
  {{ passed('deleted_at') }} as deleted_at
from {{ landed('shop', 'persons') }}
