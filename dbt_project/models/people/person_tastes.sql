with shelves as (
  select
    person_id,
    category,
    sum(line_value) as spent
  from {{ ref('person_order_lines') }}
  where {{ within('paid_at', days=var('value_days')) }}
  group by person_id, category
),

ranked as (
  select
    *,
    row_number() over (
      -- What stands on no shelf is spent as well, and nobody's favourite.
      partition by person_id order by case when category is null then 1 else 0 end, spent desc, category
    ) as place,
    count(category) over (partition by person_id) as categories_count,
    sum(spent) over (partition by person_id) as spent_in_all
  from shelves
)

select
  person_id,
  category as favourite_category,
  cast(spent as decimal(18, 2)) as favourite_category_value,
  cast(spent_in_all as decimal(18, 2)) as goods_value,
  categories_count
from ranked
where place = 1
  and category is not null
