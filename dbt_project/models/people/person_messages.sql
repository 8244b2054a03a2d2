select
  messages.message_id,
  person_refs.person_id,
  messages.channel,
  messages.message_class,
  messages.campaign,
  messages.sent_at,
  messages.delivered_at,
  messages.opened_at,
  messages.clicked_at
from {{ ref('stg_messages') }} as messages
inner join {{ ref('person_refs') }} as person_refs using (person_ref)
