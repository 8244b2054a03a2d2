with versions as (
  {{ latest_known(ref('raw_bounces'), 'bounce_id') }}
)

select
  bounce_id,
  person_ref,
  channel,
  kind,
  occurred_at
from versions
where occurred_at < {{ as_of() }}
