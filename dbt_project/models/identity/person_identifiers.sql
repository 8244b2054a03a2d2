with normalised as (
  select
    identities.identity_id,
    identities.person_ref,
    identities.kind,
    identities.verified,
    identities.first_seen_at,
    case identities.kind
      when 'email' then {{ normalise_email('identities.value') }}
      when 'phone' then {{ normalise_phone('identities.value', 'persons.country') }}
      else identities.value
    end as value
  from {{ ref('stg_identities') }} as identities
  inner join {{ ref('stg_persons') }} as persons using (person_ref)
)

select
  identity_id,
  person_ref,
  kind,
  value,
  verified,
  first_seen_at
from normalised
where value is not null
