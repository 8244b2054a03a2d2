select
  receipts.sync_id,
  receipts.audience,
  receipts.person_key,
  held.assigned_at,
  min(receipts.recorded_at) as told_at,
  count(*) as times
from {{ ref('experiments') }} as held
inner join {{ ref('recorded_stays') }} as drawn
  on drawn.audience = held.audience
  and drawn.person_key = held.person_key
  and drawn.since = held.assigned_at
inner join {{ ref('recorded_receipts') }} as receipts
  on receipts.audience = held.audience
  and receipts.person_key = held.person_key
  and receipts.planned_at >= drawn.decided_at
where held.arm = 'held_out'
  and receipts.outcome = 'ok'
  and receipts.action in ('add', 'update', 'event')
group by receipts.sync_id, receipts.audience, receipts.person_key, held.assigned_at
