with opt_ins as (
  select person_id, first_granted_at as opted_in_at
  from {{ ref('person_consents') }}
  where channel = 'email'
    and purpose = 'marketing'
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
