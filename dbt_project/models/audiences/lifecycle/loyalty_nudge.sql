select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  points.loyalty_points as points,
  points.next_tier,
  points.points_to_next_tier as points_missing
from {{ ref('person_points') }} as points
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
-- So near that what is held is nine tenths of what the tier needs.
where points.loyalty_points
  >= {{ var('loyalty_near_share') }} * (points.loyalty_points + points.points_to_next_tier)
