with humans as (
  select
    person_refs.person_id,
    min(persons.created_at) as created_at,
    max(case when persons.is_test or persons.is_employee then 1 else 0 end) as is_ours,
    max(case when persons.deleted_at is null then 1 else 0 end) as is_alive,
    max(case when persons.country in ({{ texts(var('blocked_countries')) }}) then 1 else 0 end) as is_blocked
  from {{ ref('person_refs') }} as person_refs
  inner join {{ ref('stg_persons') }} as persons using (person_ref)
  group by person_refs.person_id
),

identifiers as (
  select
    person_refs.person_id,
    identifiers.kind,
    identifiers.value,
    row_number() over (
      partition by person_refs.person_id, identifiers.kind
      order by identifiers.verified desc, identifiers.first_seen_at, identifiers.value
    ) as choice
  from {{ ref('person_identifiers') }} as identifiers
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
  inner join {{ ref('stg_persons') }} as persons using (person_ref)
  where persons.deleted_at is null
),

reach as (
  select
    person_id,
    max(case when kind = 'email' then value end) as email,
    max(case when kind = 'phone' then value end) as phone
  from identifiers
  where choice = 1
  group by person_id
),

granted as (
  select
    person_id,
    max(case when channel = 'email' then 1 else 0 end) as email,
    max(case when channel = 'sms' then 1 else 0 end) as sms,
    max(case when channel = 'push' then 1 else 0 end) as push,
    max(case when channel = 'ads' then 1 else 0 end) as ads
  from {{ ref('person_consents') }}
  where purpose = 'marketing' and status = 'granted'
  group by person_id
)

select
  humans.person_id,
  humans.created_at,
  humans.is_ours = 0 and humans.is_alive = 1 and humans.is_blocked = 0 as is_base,
  reach.email,
  reach.phone,
  coalesce(granted.email, 0) = 1 as email_consent,
  coalesce(granted.sms, 0) = 1 as sms_consent,
  coalesce(granted.push, 0) = 1 as push_consent,
  coalesce(granted.ads, 0) = 1 as ads_consent
from humans
left join reach using (person_id)
left join granted using (person_id)
