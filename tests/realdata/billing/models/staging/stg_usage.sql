select subscription_id, usage_date as used_on
from {{ source('raw_ravenstack', 'feature_usage') }}
where {{ is_known('_event_date') }}
