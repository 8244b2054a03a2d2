select *
from ({{ recorded('ledger') }}) as said
where not {{ is_exclusion('sync_id') }}
