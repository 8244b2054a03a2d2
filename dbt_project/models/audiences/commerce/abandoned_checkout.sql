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

contents as (
  select
    person_id,
    cart_id,
    product_id,
    sum(case name when 'add_to_cart' then qty else -qty end) as qty,
    max(case when name = 'remove_from_cart' then occurred_at end) as last_removed_at
  from {{ ref('person_events') }}
  where name in ('add_to_cart', 'remove_from_cart')
  group by person_id, cart_id, product_id
),

carts as (
  select
    contents.person_id,
    contents.cart_id,
    count(case when contents.qty > 0 then 1 end) as products,
    count(case when contents.qty > 0 and stock.available_qty = 0 then 1 end) as products_sold_out,
    max(contents.last_removed_at) as last_removed_at
  from contents
  left join {{ ref('product_stock') }} as stock using (product_id)
  group by contents.person_id, contents.cart_id
),

mailed as (
  select person_id
  from {{ ref('person_messages') }}
  where campaign = 'abandoned_checkout'
    and {{ within('sent_at', hours=var('checkout_mail_hours')) }}
),

judged as (
  select
    checkouts.person_id,
    checkouts.cart_id,
    checkouts.value,
    checkouts.occurred_at,
    case
      when carts.products = 0 and carts.last_removed_at >= checkouts.occurred_at then 'cart_emptied'
      when carts.products > 0 and carts.products = carts.products_sold_out then 'sold_out'
      when mailed.person_id is not null then 'mailed_lately'
    end as excluded
  from checkouts
  left join carts using (person_id, cart_id)
  left join mailed using (person_id)
  left join {{ ref('person_purchases') }} as purchases using (person_id)
  where checkouts.recency = 1
    and {{ aged('checkouts.occurred_at', var('checkout_min_hours'), var('checkout_max_hours')) }}
    and checkouts.value >= {{ var('checkout_min_value') }}
    and (purchases.last_paid_at is null or purchases.last_paid_at < checkouts.occurred_at)
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  judged.cart_id,
  judged.value as cart_value,
  judged.occurred_at as checkout_started_at
from judged
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where judged.excluded is null
