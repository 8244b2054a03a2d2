select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  worth.mean_order_value
from {{ ref('person_value') }} as worth
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where worth.order_value_place <= {{ var('top_decile') }} * worth.buyers_count
