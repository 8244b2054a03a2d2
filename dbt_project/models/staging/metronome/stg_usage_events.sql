select
  events.transaction_id as event_id,
  customers.account_id,
  events.event_type as metric,
  cast(coalesce({{ number_at('events.properties', '$.quantity') }}, 1) as decimal(18, 2)) as qty,
  events.timestamp as occurred_at
from {{ landed('metronome', 'metronome_events', 'events') }}
inner join {{ ref('stg_billing_customers') }} as customers using (customer_id)
