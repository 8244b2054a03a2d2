select
    account_id as person_id,
    ticket_id,
    cast(submitted_at as date) as submitted_on,
    priority in ('high', 'urgent') as is_pressing,
    escalation_flag = 'True' as is_escalated
from {{ source('raw_ravenstack', 'support_tickets') }}
where {{ is_known('_event_date') }}
