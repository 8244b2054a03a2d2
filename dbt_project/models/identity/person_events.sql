select
  events.event_id,
  coalesce(signed_in.person_id, remembered.person_id) as person_id,
  events.name,
  events.occurred_at,
  events.session_id,
  events.cart_id,
  events.product_id,
  events.qty,
  events.value,
  events.url
from {{ ref('stg_events') }} as events
left join {{ ref('person_refs') }} as signed_in on signed_in.person_ref = events.person_ref
left join {{ ref('anonymous_persons') }} as remembered on remembered.anonymous_id = events.anonymous_id
where coalesce(signed_in.person_id, remembered.person_id) is not null
