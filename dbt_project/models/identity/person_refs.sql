with recursive private_identifiers as (
  select kind, value
  from {{ ref('person_identifiers') }}
  where kind in ('email', 'phone')
  group by kind, value
  having count(distinct person_ref) between 2 and {{ var('identity_max_sharers') }}
),

proofs as (
  select distinct identifiers.person_ref, identifiers.kind, identifiers.value
  from {{ ref('person_identifiers') }} as identifiers
  inner join private_identifiers using (kind, value)
  where identifiers.verified
),

links as (
  select distinct mine.person_ref, theirs.person_ref as other_ref
  from proofs as mine
  inner join proofs as theirs using (kind, value)
),

reached as (
  select person_ref, person_ref as other_ref
  from {{ ref('stg_persons') }}
  union
  select reached.person_ref, links.other_ref
  from reached
  inner join links on links.person_ref = reached.other_ref
)

select
  person_ref,
  'p_' || substr(min(other_ref), 3) as person_id
from reached
group by person_ref
