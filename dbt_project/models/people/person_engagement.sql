with sent as (
  select
    person_refs.person_id,
    messages.channel,
    count(*) as delivered,
    count(coalesce(messages.opened_at, messages.clicked_at)) as opened,
    count(messages.clicked_at) as clicked,
    max(messages.clicked_at) as last_clicked_at
  from {{ ref('stg_messages') }} as messages
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
  where messages.message_class = 'marketing'
    and messages.delivered_at is not null
    and {{ within('messages.sent_at', days=var('engagement_days')) }}
  group by person_refs.person_id, messages.channel
)

select
  person_id,
  channel,
  delivered,
  opened,
  clicked,
  last_clicked_at,
  -- Whoever clicked has opened, whether the picture was loaded or not.
  cast(opened / cast(delivered as decimal(18, 4)) as decimal(18, 4)) as open_rate,
  cast(clicked / cast(delivered as decimal(18, 4)) as decimal(18, 4)) as click_rate
from sent
