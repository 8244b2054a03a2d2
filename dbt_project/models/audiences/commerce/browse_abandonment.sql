with views as (
  select
    events.person_id,
    events.product_id,
    products.category,
    count(*) as views,
    max(events.occurred_at) as last_viewed_at
  from {{ ref('person_events') }} as events
  inner join {{ ref('stg_products') }} as products using (product_id)
  where events.name = 'product_viewed'
    and {{ within('events.occurred_at', hours=var('browse_max_hours')) }}
  group by events.person_id, events.product_id, products.category
),

interests as (
  select
    *,
    sum(views) over (partition by person_id, category) as category_views,
    max(last_viewed_at) over (partition by person_id) as last_seen_at
  from views
),

adds as (
  select person_id, max(occurred_at) as last_added_at
  from {{ ref('person_events') }}
  where name = 'add_to_cart'
  group by person_id
),

bought as (
  select person_id, product_id
  from {{ ref('person_order_lines') }}
  where {{ within('paid_at', days=var('browse_bought_days')) }}
),

mailed as (
  select person_id
  from {{ ref('person_messages') }}
  where campaign = 'browse_abandonment'
    and {{ within('sent_at', days=var('browse_mail_days')) }}
),

judged as (
  select
    interests.person_id,
    interests.product_id,
    interests.category,
    interests.views,
    interests.last_viewed_at,
    case
      when adds.last_added_at >= interests.last_seen_at then 'added_to_cart'
      when checkouts.person_id is not null then 'abandoned_checkout'
      when carts.person_id is not null then 'abandoned_cart'
      when bought.person_id is not null then 'bought_lately'
      when mailed.person_id is not null then 'mailed_lately'
    end as excluded
  from interests
  left join adds using (person_id)
  left join bought using (person_id, product_id)
  left join mailed using (person_id)
  left join {{ ref('abandoned_checkout') }} as checkouts using (person_id)
  left join {{ ref('abandoned_cart') }} as carts using (person_id)
  where (interests.views >= {{ var('browse_product_views') }}
      or interests.category_views >= {{ var('browse_category_views') }})
    and interests.last_seen_at <= {{ as_of(hours=var('browse_quiet_hours')) }}
),

chosen as (
  select
    *,
    row_number() over (partition by person_id order by views desc, last_viewed_at desc, product_id) as choice
  from judged
  where excluded is null
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  chosen.product_id,
  chosen.category,
  chosen.last_viewed_at
from chosen
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where chosen.choice = 1
