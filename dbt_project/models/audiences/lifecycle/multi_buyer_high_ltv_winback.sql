select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  worth.margin,
  cast({{ days_ago(business_date('purchases.last_paid_at')) }} as integer) as days_since_last_order
from {{ ref('person_value') }} as worth
inner join {{ ref('person_purchases') }} as purchases using (person_id)
inner join {{ ref('advertising_contacts') }} as contacts using (person_id)
where worth.orders_count >= {{ var('winback_min_orders') }}
  and worth.margin_place <= {{ var('upper_half') }} * worth.buyers_count
  and {{ days_ago(business_date('purchases.last_paid_at')) }}
    between {{ var('ltv_winback_min_days') }} and {{ var('ltv_winback_max_days') }}
