with lapsed as (
  select
    person_id,
    {{ days_ago(business_date('last_paid_at')) }} as days_since_last_order,
    last_order_value,
    orders_count
  from {{ ref('person_purchases') }}
  where orders_count >= {{ var('winback_min_orders') }}
    and not last_order_fully_refunded
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  cast(lapsed.days_since_last_order as integer) as days_since_last_order,
  lapsed.last_order_value,
  cast(lapsed.orders_count as integer) as orders_count
from lapsed
inner join {{ ref('advertising_contacts') }} as contacts using (person_id)
where lapsed.days_since_last_order between {{ var('winback_min_days') }} and {{ var('winback_max_days') }}
