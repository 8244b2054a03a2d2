with sent as (
  select
    person_id,
    channel,
    count(*) as delivered,
    count(coalesce(opened_at, clicked_at)) as opened,
    count(clicked_at) as clicked,
    max(clicked_at) as last_clicked_at
  from {{ ref('person_messages') }}
  where message_class = 'marketing'
    and delivered_at is not null
    and {{ within('sent_at', days=var('engagement_days')) }}
  group by person_id, channel
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
