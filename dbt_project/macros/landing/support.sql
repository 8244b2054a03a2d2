{# The support desk. #}
{% macro support_tables() %}
{% set tables %}
tickets:
  columns: [ticket_id, person_ref, account_id, kind, severity, opened_at, closed_at]
  key: [ticket_id]
  happened: opened_at
  faults:
    no key: ticket_id is null
    nobody: coalesce(trim(person_ref), trim(account_id), '') = ''
    no moment: opened_at is null
    unknown severity: coalesce(severity, 0) not between 1 and 4
    closed before opened: closed_at < opened_at
{% endset %}
{{ return(fromyaml(tables)) }}
{% endmacro %}
