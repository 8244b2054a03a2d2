select
  ledger.sync_id,
  ledger.audience,
  ledger.connection,
  ledger.person_key,
  stays.standing,
  stays.decided_at,
  ledger.state
from {{ ref('recorded_ledger') }} as ledger
inner join {{ ref('recorded_stays') }} as stays
  on stays.audience = ledger.audience
  and stays.person_key = ledger.person_key
  and stays.until is null
where ledger.state <> 'absent'
  and stays.standing <> 'sent'
  and ledger.connection in (
    {%- for name in var('paid_connections') %}'{{ name }}'{{ ', ' if not loop.last }}{% endfor %})
