select
  contracts.id as contract_id,
  customers.account_id,
  contracts.starting_at as starts_at,
  contracts.ending_before as ends_at,
  {{ passed('contracts.archived_at') }} as archived_at
from {{ landed('metronome', 'metronome_contracts_contracts', 'contracts') }}
inner join {{ ref('stg_billing_customers') }} as customers using (customer_id)
