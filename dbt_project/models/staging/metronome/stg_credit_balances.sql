select
  balances.id as grant_id,
  customers.account_id,
  balances.type as kind,
  cast({{ sum_at('balances.access_schedule', '$.schedule_items[*].amount') }} as decimal(18, 2)) as granted,
  balances.balance as remaining,
  balances.updated_at as measured_at
from {{ landed('metronome', 'metronome_contracts_balances', 'balances') }}
inner join {{ ref('stg_billing_customers') }} as customers using (customer_id)
