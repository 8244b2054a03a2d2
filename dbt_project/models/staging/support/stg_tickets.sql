with versions as (
  {{ latest_known(ref('raw_tickets'), 'ticket_id') }}
)

select
  ticket_id,
  person_ref,
  account_id,
  kind,
  severity,
  opened_at,
  {{ passed('closed_at') }} as closed_at
from versions
where opened_at < {{ as_of() }}
