select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  worth.margin
from {{ ref('person_value') }} as worth
inner join {{ ref('advertising_contacts') }} as contacts using (person_id)
where worth.margin_place <= {{ var('top_decile') }} * worth.buyers_count
  and worth.orders_count >= {{ var('seed_min_orders') }}
  and worth.refunded_orders < {{ var('seed_max_refunds') }} * worth.orders_count
  and worth.most_units <= {{ var('seed_max_units') }}
