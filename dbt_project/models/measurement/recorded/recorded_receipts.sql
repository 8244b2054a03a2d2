select *
from ({{ recorded('receipts') }}) as said
where not {{ is_exclusion('sync_id') }}
