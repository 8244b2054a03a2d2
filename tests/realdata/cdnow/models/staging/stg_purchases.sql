select customer_id as person_id, _event_date as bought_on
from {{ source('raw_cdnow', 'master') }}
where {{ is_known('_event_date') }}
