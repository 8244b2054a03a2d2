{# What people allow, and what the channels say of the messages that went out. #}
{% macro messaging_tables() %}
{% set tables %}
consents:
  columns: [consent_id, person_ref, channel, purpose, status, changed_at]
  key: [consent_id]
  happened: changed_at
  faults:
    no key: consent_id is null
    no person: coalesce(trim(person_ref), '') = ''
    unknown channel: coalesce(channel, '') not in ('email', 'sms', 'push', 'ads', 'postal', 'all')
    unknown status: coalesce(status, '') not in ('granted', 'withdrawn', 'erasure')
    no moment: changed_at is null
bounces:
  columns: [bounce_id, person_ref, channel, kind, occurred_at]
  key: [bounce_id]
  happened: occurred_at
  faults:
    no key: bounce_id is null
    no person: coalesce(trim(person_ref), '') = ''
    unknown kind: coalesce(kind, '') not in ('hard', 'soft', 'complaint')
    no moment: occurred_at is null
messages:
  columns: [message_id, person_ref, channel, message_class, campaign, sent_at, delivered_at, opened_at, is_machine_open, clicked_at]
  key: [message_id]
  happened: sent_at
  faults:
    no key: message_id is null
    no person: coalesce(trim(person_ref), '') = ''
    unknown channel: coalesce(channel, '') not in ('email', 'sms', 'push')
    unknown class: coalesce(message_class, '') not in ('marketing', 'transactional')
    no moment: sent_at is null
    opened before sent: opened_at < sent_at or clicked_at < sent_at
erasure_requests:
  columns: [request_id, person_ref, requested_at, closed_at]
  key: [request_id]
  happened: requested_at
  faults:
    no key: request_id is null
    no person: coalesce(trim(person_ref), '') = ''
    no moment: requested_at is null
{% endset %}
{{ return(fromyaml(tables)) }}
{% endmacro %}
