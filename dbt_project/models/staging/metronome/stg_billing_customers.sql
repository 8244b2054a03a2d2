select
  id as customer_id,
  {{ first_of('ingest_aliases') }} as account_id,
  {{ passed('archived_at') }} as archived_at
from {{ landed('metronome', 'metronome_customer') }}
