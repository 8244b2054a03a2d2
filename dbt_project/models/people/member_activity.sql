select
  events.event_id,
  events.account_id,
  person_refs.person_id,
  events.name,
  events.occurred_at
from {{ ref('stg_product_events') }} as events
inner join {{ ref('person_refs') }} as person_refs using (person_ref)
