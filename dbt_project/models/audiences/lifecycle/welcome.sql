with opt_ins as (
  select
    person_refs.person_id,
    min(consents.changed_at) as opted_in_at
  from {{ ref('stg_consents') }} as consents
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
  where consents.channel = 'email'
    and consents.purpose = 'marketing'
    and consents.status = 'granted'
  group by person_refs.person_id
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  opt_ins.opted_in_at
from opt_ins
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
left join {{ ref('person_purchases') }} as purchases using (person_id)
where {{ within('opt_ins.opted_in_at', hours=var('welcome_hours')) }}
  and (purchases.first_paid_at is null or purchases.first_paid_at >= opt_ins.opted_in_at)
  -- An opt-in already taken back is no welcome, even if another channel remains.
  and contacts.email is not null
