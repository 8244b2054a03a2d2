with spent as (
  select
    orders.person_id,
    products.category,
    sum(lines.line_value) as spend
  from {{ ref('person_orders') }} as orders
  inner join {{ ref('stg_order_lines') }} as lines using (order_id)
  inner join {{ ref('stg_products') }} as products using (product_id)
  where {{ within('orders.paid_at', days=365) }}
    and products.category is not null
  group by orders.person_id, products.category
),

ranked as (
  select
    *,
    row_number() over (partition by person_id order by spend desc, category) as place,
    count(*) over (partition by person_id) as categories_count,
    sum(spend) over (partition by person_id) as total_spend
  from spent
)

select
  person_id,
  category as favourite_category,
  cast(spend / nullif(total_spend, 0) as decimal(18, 4)) as favourite_category_share,
  categories_count
from ranked
where place = 1
