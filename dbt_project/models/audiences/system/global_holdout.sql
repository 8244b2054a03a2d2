select
  persons.person_id,
  persons.email,
  persons.phone
from {{ ref('persons') }} as persons
where persons.is_base
  and {{ bucket("'" ~ var('global_holdout_salt') ~ "|' || persons.person_id") }} < {{ var('global_holdout_buckets') }}
