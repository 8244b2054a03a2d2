with visits as (
  select
    person_id,
    count(distinct case when {{ within('occurred_at', days=30) }} then session_id end) as sessions_30d,
    count(case when name = 'product_viewed' and {{ within('occurred_at', days=30) }} then 1 end) as product_views_30d,
    count(case when name = 'add_to_cart' and {{ within('occurred_at', days=30) }} then 1 end) as cart_adds_30d,
    max(occurred_at) as last_seen_at
  from {{ ref('person_events') }}
  group by person_id
),

gaps as (
  select
    person_id,
    last_order_on,
    cast(median_gap_days as decimal(18, 1)) as median_gap_days
  from {{ ref('person_rhythm') }}
),

rhythms as (
  select
    person_id,
    median_gap_days,
    cast({{ dbt.dateadd('day', 'cast(round(median_gap_days) as integer)', 'last_order_on') }} as date)
      as predicted_next_order_on
  from gaps
)

select
  persons.person_id,
  cast({{ days_ago(business_date('persons.created_at')) }} as integer) as tenure_days,

  cast(coalesce(purchases.orders_count, 0) as integer) as orders_count,
  cast(coalesce(purchases.cancelled_orders_count, 0) as integer) as cancelled_orders_count,
  purchases.first_paid_at as first_order_at,
  purchases.last_paid_at as last_order_at,
  cast({{ days_ago(business_date('purchases.last_paid_at')) }} as integer) as days_since_last_order,
  cast(coalesce(purchases.paid_value - purchases.refunded_value, 0) as decimal(18, 2)) as revenue,
  cast(purchases.paid_value / cast(purchases.orders_count as decimal(18, 4)) as decimal(18, 2)) as average_order_value,
  cast(coalesce(purchases.refunded_value, 0) as decimal(18, 2)) as refunded_value,
  cast(purchases.refunded_value / nullif(purchases.paid_value, 0) as decimal(18, 4)) as refund_rate,
  cast(purchases.discounted_orders_count / cast(purchases.orders_count as decimal(18, 4)) as decimal(18, 4))
    as discount_share,
  cast(purchases.discount_value / nullif(purchases.paid_value + purchases.discount_value, 0) as decimal(18, 4))
    as discount_depth,

  cast(coalesce(worth.orders_count, 0) as integer) as orders_365d,
  cast(coalesce(worth.revenue, 0) as decimal(18, 2)) as revenue_365d,
  cast(coalesce(worth.margin, 0) as decimal(18, 2)) as margin_365d,
  cast(coalesce(worth.most_units, 0) as integer) as largest_order_units,

  rhythms.median_gap_days,
  rhythms.predicted_next_order_on,
  cast({{ days_ago('rhythms.predicted_next_order_on') }} as integer) as days_past_prediction,

  tastes.favourite_category,
  cast(tastes.favourite_category_value / nullif(tastes.goods_value, 0) as decimal(18, 4)) as favourite_category_share,
  cast(coalesce(tastes.categories_count, 0) as integer) as categories_count,

  coalesce(points.loyalty_points, 0) as loyalty_points,
  points.loyalty_tier,
  points.points_to_next_tier,

  cast(coalesce(mails.delivered, 0) as integer) as emails_delivered_180d,
  mails.open_rate as email_open_rate_180d,
  mails.click_rate as email_click_rate_180d,
  mails.last_clicked_at as last_email_click_at,
  cast(coalesce(texts.delivered, 0) as integer) as sms_delivered_180d,
  texts.click_rate as sms_click_rate_180d,
  cast(coalesce(pushes.delivered, 0) as integer) as pushes_delivered_180d,
  pushes.click_rate as push_click_rate_180d,

  cast(coalesce(visits.sessions_30d, 0) as integer) as sessions_30d,
  cast(coalesce(visits.product_views_30d, 0) as integer) as product_views_30d,
  cast(coalesce(visits.cart_adds_30d, 0) as integer) as cart_adds_30d,
  visits.last_seen_at,

  cast(words.open_tickets_count as integer) as open_tickets_count,
  cast(words.complaints_90d as integer) as complaints_90d,
  words.average_rating,
  words.last_survey_score,
  cast(words.returned_orders_count / nullif(cast(purchases.orders_count as decimal(18, 4)), 0) as decimal(18, 4))
    as return_rate
from {{ ref('persons') }} as persons
inner join {{ ref('person_words') }} as words on words.person_id = persons.person_id
left join {{ ref('person_purchases') }} as purchases on purchases.person_id = persons.person_id
left join {{ ref('person_value') }} as worth on worth.person_id = persons.person_id
left join rhythms on rhythms.person_id = persons.person_id
left join {{ ref('person_tastes') }} as tastes on tastes.person_id = persons.person_id
left join {{ ref('person_points') }} as points on points.person_id = persons.person_id
left join {{ ref('person_engagement') }} as mails on mails.person_id = persons.person_id and mails.channel = 'email'
left join {{ ref('person_engagement') }} as texts on texts.person_id = persons.person_id and texts.channel = 'sms'
left join {{ ref('person_engagement') }} as pushes on pushes.person_id = persons.person_id and pushes.channel = 'push'
left join visits on visits.person_id = persons.person_id
