select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  worth.top_category as category
from {{ ref('person_value') }} as worth
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where worth.orders_count >= {{ var('loyal_min_orders') }}
  and worth.top_category is not null
  and worth.top_category_value >= {{ var('loyal_share') }} * worth.goods_value
