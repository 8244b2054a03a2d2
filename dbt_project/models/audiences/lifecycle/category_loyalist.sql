select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  tastes.favourite_category as category
from {{ ref('person_tastes') }} as tastes
inner join {{ ref('person_value') }} as worth using (person_id)
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where worth.orders_count >= {{ var('loyal_min_orders') }}
  and tastes.favourite_category_value >= {{ var('loyal_share') }} * tastes.goods_value
