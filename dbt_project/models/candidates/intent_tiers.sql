with deeds as (
  select
    person_id,
    max(case name when 'checkout_started' then occurred_at end) as checkout_at,
    max(case name when 'add_to_cart' then occurred_at end) as cart_at,
    max(case name when 'product_viewed' then occurred_at end) as viewed_at,
    count(
      case when name = 'product_viewed' and {{ within('occurred_at', days=var('intent_view_days')) }} then 1 end
    ) as views
  from {{ ref('person_events') }}
  group by person_id
),

tiers as (
  select
    deeds.person_id,
    case
      when {{ within('deeds.checkout_at', days=var('intent_checkout_days')) }} then 1
      when {{ within('deeds.cart_at', days=var('intent_cart_days')) }} then 2
      when deeds.views >= {{ var('intent_min_views') }} then 3
    end as own_tier,
    deeds.checkout_at,
    deeds.cart_at,
    deeds.viewed_at
  from deeds
  inner join {{ ref('advertising_contacts') }} using (person_id)
  left join {{ ref('recent_buyers_suppress') }} as buyers using (person_id)
  where buyers.person_id is null
),

sizes as (
  select
    count(case own_tier when 2 then 1 end) as carts,
    count(case own_tier when 3 then 1 end) as views
  from tiers
),

joined as (
  select
    case when views < {{ var('intent_min_size') }} then 2 else 3 end as views_tier,
    case
      when carts + case when views < {{ var('intent_min_size') }} then views else 0 end < {{ var('intent_min_size') }}
        then 1
      else 2
    end as carts_tier
  from sizes
)

select
  tiers.person_id,
  tiers.own_tier,
  case
    when tiers.own_tier = 1 then 1
    when tiers.own_tier = 3 and joined.views_tier = 3 then 3
    else joined.carts_tier
  end as tier,
  case tiers.own_tier
    when 1 then tiers.checkout_at
    when 2 then tiers.cart_at
    else tiers.viewed_at
  end as last_meant_at
from tiers
cross join joined
where tiers.own_tier is not null
