select src as person_id, _event_date as sent_on
from {{ source('raw_collegemsg', 'messages') }}
where {{ is_known('_event_date') }}
