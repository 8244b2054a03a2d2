select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  tiers.last_meant_at
from {{ ref('intent_tiers') }} as tiers
inner join {{ ref('advertising_contacts') }} as contacts using (person_id)
where tiers.tier = 3
