with versions as (
  {{ latest_known(ref('raw_consents'), 'consent_id') }}
)

select
  consent_id,
  person_ref,
  channel,
  purpose,
  status,
  changed_at
from versions
where changed_at < {{ as_of() }}
