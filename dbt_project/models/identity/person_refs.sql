with refs as (
  select
    person_ref,
    -- The eldest account of a person names them.
    cast(row_number() over (order by created_at, person_ref) as bigint) as place
  from {{ ref('stg_persons') }}
),

private_identifiers as (
  select kind, value
  from {{ ref('person_identifiers') }}
  where kind in ({{ texts(var('identity_merging_kinds')) }})
  group by kind, value
  having count(distinct person_ref) between 2 and {{ var('identity_max_sharers') }}
),

proofs as (
  select distinct refs.place, identifiers.kind, identifiers.value
  from {{ ref('person_identifiers') }} as identifiers
  inner join private_identifiers using (kind, value)
  inner join refs using (person_ref)
  where identifiers.verified
),

links as (
  select distinct mine.place, theirs.place as other_place
  from proofs as mine
  inner join proofs as theirs using (kind, value)
  where mine.place <> theirs.place
),

{{ connected('links', 'place', 'other_place', var('identity_rounds')) }},

humans as (
  select node, min(node) over (partition by component) as eldest
  from component_of
)

select
  refs.person_ref,
  'p_' || substr(coalesce(eldest.person_ref, refs.person_ref), 3) as person_id
from refs
left join humans on humans.node = refs.place
left join refs as eldest on eldest.place = humans.eldest
