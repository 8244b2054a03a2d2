select
  flags.account_id,
  person_refs.person_id,
  flags.flag
from {{ ref('stg_account_flags') }} as flags
left join {{ ref('person_refs') }} as person_refs using (person_ref)
where flags.ends_at is null
  or flags.ends_at > {{ as_of() }}
