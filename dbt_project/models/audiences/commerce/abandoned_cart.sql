with adds as (
  select
    person_id,
    cart_id,
    occurred_at,
    url,
    row_number() over (partition by person_id order by occurred_at desc, event_id desc) as recency
  from {{ ref('person_events') }}
  where name = 'add_to_cart'
),

contents as (
  select
    person_id,
    cart_id,
    sum(case name when 'add_to_cart' then qty else -qty end) as qty,
    sum(case name when 'add_to_cart' then value else -value end) as value
  from {{ ref('person_events') }}
  where name in ('add_to_cart', 'remove_from_cart')
  group by person_id, cart_id
),

checkouts as (
  select person_id, max(occurred_at) as last_started_at
  from {{ ref('person_events') }}
  where name = 'checkout_started'
  group by person_id
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  advertising.email as ads_email,
  advertising.phone as ads_phone,
  contacts.push_id,
  adds.cart_id,
  cast(contents.value as decimal(18, 2)) as cart_value,
  adds.url as cart_url,
  adds.occurred_at as last_added_at
from adds
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
inner join contents using (person_id, cart_id)
left join {{ ref('advertising_contacts') }} as advertising using (person_id)
left join checkouts using (person_id)
left join {{ ref('person_purchases') }} as purchases using (person_id)
left join {{ ref('abandoned_checkout') }} as checkout_audience using (person_id)
where adds.recency = 1
  and {{ aged('adds.occurred_at', var('cart_min_hours'), var('cart_max_hours')) }}
  and contents.qty > 0
  and (checkouts.last_started_at is null or checkouts.last_started_at < adds.occurred_at)
  and (purchases.last_paid_at is null
    or (purchases.last_paid_at < adds.occurred_at
      and purchases.last_paid_at < {{ as_of(hours=var('cart_quiet_hours')) }}))
  -- Whoever went on to a checkout hears about that, not about the cart.
  and checkout_audience.person_id is null
