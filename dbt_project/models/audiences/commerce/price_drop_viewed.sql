with prices as (
  select
    product_id,
    price,
    currency,
    changed_at,
    lead(changed_at) over (partition by product_id order by changed_at) as until
  from {{ ref('stg_price_changes') }}
),

views as (
  select person_id, product_id, max(occurred_at) as viewed_at
  from {{ ref('person_events') }}
  where name = 'product_viewed'
    and {{ within('occurred_at', days=var('price_drop_view_days')) }}
  group by person_id, product_id
),

bought as (
  select person_id, product_id, max(paid_at) as last_paid_at
  from {{ ref('person_order_lines') }}
  group by person_id, product_id
),

mailed as (
  select person_id
  from {{ ref('person_messages') }}
  where campaign = 'price_drop_viewed'
    and {{ within('sent_at', days=var('price_drop_mail_days')) }}
),

judged as (
  select
    views.person_id,
    views.product_id,
    views.viewed_at,
    seen.price as price_seen,
    prices.price as price_now,
    case
      when bought.last_paid_at >= views.viewed_at then 'bought_since'
      when mailed.person_id is not null then 'mailed_lately'
    end as excluded
  from views
  inner join prices as seen
    on seen.product_id = views.product_id
    and seen.changed_at <= views.viewed_at
    and seen.until > views.viewed_at
  inner join prices
    on prices.product_id = views.product_id
    and prices.until is null
    and prices.currency = seen.currency
  inner join {{ ref('product_stock') }} as stock
    on stock.product_id = views.product_id
    and stock.available_qty > 0
  left join bought on bought.person_id = views.person_id and bought.product_id = views.product_id
  left join mailed on mailed.person_id = views.person_id
  where prices.price <= {{ var('price_drop_ratio') }} * seen.price
),

chosen as (
  select
    *,
    row_number() over (partition by person_id order by viewed_at desc, product_id) as choice
  from judged
  where excluded is null
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  chosen.product_id,
  chosen.price_seen,
  chosen.price_now
from chosen
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where chosen.choice = 1
