select
  reviews.review_id,
  person_refs.person_id,
  reviews.product_id,
  reviews.rating,
  reviews.created_at
from {{ ref('stg_reviews') }} as reviews
inner join {{ ref('person_refs') }} as person_refs using (person_ref)
