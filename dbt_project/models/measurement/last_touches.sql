with touches as (
  select
    orders.deed_id as order_id,
    orders.person_key,
    orders.occurred_at as ordered_at,
    orders.value,
    messages.sync_id,
    messages.audience,
    messages.connection,
    messages.op_id,
    messages.first_sent_at as touched_at,
    row_number() over (
      partition by orders.deed_id order by messages.first_sent_at desc, messages.op_id
    ) as recency
  from {{ ref('goal_events') }} as orders
  inner join {{ ref('recorded_receipts') }} as messages
    on messages.person_key = orders.person_key
    and messages.first_sent_at < orders.occurred_at
    and {{ later('messages.first_sent_at', var('touch_days') * 86400) }} >= orders.occurred_at
  where orders.name = 'order_paid'
    and messages.action = 'event'
    and messages.outcome = 'ok'
)

select order_id, person_key, ordered_at, value, sync_id, audience, connection, op_id, touched_at
from touches
where recency = 1
