select
  review_id,
  person_ref,
  product_id,
  rating,
  created_at
from {{ landed('reviews', 'reviews') }}
