with checkouts as (
  select
    person_id,
    cart_id,
    value,
    occurred_at,
    row_number() over (partition by person_id order by occurred_at desc, event_id desc) as recency
  from {{ ref('person_events') }}
  where name = 'checkout_started'
),

payments as (
  select person_id, max(occurred_at) as last_entered_at
  from {{ ref('person_events') }}
  where name = 'payment_info_entered'
  group by person_id
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  checkouts.cart_id,
  checkouts.value as cart_value,
  checkouts.occurred_at as checkout_started_at
from checkouts
inner join {{ ref('advertising_contacts') }} as contacts using (person_id)
left join payments using (person_id)
left join {{ ref('person_purchases') }} as purchases using (person_id)
where checkouts.recency = 1
  and {{ aged('checkouts.occurred_at', var('burst_min_hours'), var('burst_max_hours')) }}
  and (payments.last_entered_at >= checkouts.occurred_at
    or checkouts.value >= {{ var('burst_min_value') }}
    or purchases.person_id is not null)
  and (purchases.last_paid_at is null or purchases.last_paid_at < checkouts.occurred_at)
