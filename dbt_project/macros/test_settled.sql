{# All that share a proof are one person: the rounds of the var `identity_rounds` were enough. #}
{% test settled(model) %}
with proofs as (
  select identifiers.kind, identifiers.value, people.person_id, identifiers.verified
  from {{ ref('person_identifiers') }} as identifiers
  inner join {{ model }} as people using (person_ref)
  inner join (
    select kind, value
    from {{ ref('person_identifiers') }}
    where kind in ({{ texts(var('identity_merging_kinds')) }})
    group by kind, value
    having count(distinct person_ref) between 2 and {{ var('identity_max_sharers') }}
  ) as private_identifiers using (kind, value)
)

select kind, value
from proofs
where verified
group by kind, value
having count(distinct person_id) > 1
{% endtest %}
