{# What members do in the product, and when it was not there for them. #}
{% macro product_tables() %}
{% set tables %}
product_events:
  columns: [event_id, account_id, person_ref, name, occurred_at]
  key: [event_id]
  happened: occurred_at
  newest: loaded_at
  faults:
    no key: event_id is null
    no account: coalesce(trim(account_id), '') = ''
    no name: coalesce(trim(name), '') = ''
    no moment: occurred_at is null
incidents:
  columns: [incident_id, account_id, kind, started_at, ended_at]
  key: [incident_id]
  happened: started_at
  faults:
    no key: incident_id is null
    unknown kind: coalesce(kind, '') not in ('incident', 'maintenance')
    no moment: started_at is null
    ended before started: ended_at < started_at
{% endset %}
{{ return(fromyaml(tables)) }}
{% endmacro %}
