select contacts.person_id, contacts.email, contacts.phone
from {{ ref('marketing_contacts') }} as contacts
inner join {{ ref('persons') }} as persons using (person_id)
where persons.ads_consent
