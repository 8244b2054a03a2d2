select
  tickets.ticket_id,
  person_refs.person_id,
  tickets.kind,
  tickets.severity,
  tickets.opened_at,
  tickets.closed_at
from {{ ref('stg_tickets') }} as tickets
inner join {{ ref('person_refs') }} as person_refs using (person_ref)
