select *
from {{ ref('landed_events') }}
where {{ known() }}
  and occurred_at < {{ as_of() }}
