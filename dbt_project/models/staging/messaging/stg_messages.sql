select
  message_id,
  person_ref,
  channel,
  message_class,
  campaign,
  sent_at,
  {{ passed('delivered_at') }} as delivered_at,
  case when not coalesce(is_machine_open, false) then {{ passed('opened_at') }} end as opened_at,
  {{ passed('clicked_at') }} as clicked_at
from {{ landed('messaging', 'messages') }}
