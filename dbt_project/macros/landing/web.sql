{# The shop's web tracker. Of an event that came twice, the first to land counts. #}
{% macro web_tables() %}
{% set tables %}
events:
  columns: [event_id, anonymous_id, user_id, name, occurred_at, session_id, cart_id, product_id, qty, value, url]
  key: [event_id]
  happened: occurred_at
  newest: loaded_at, user_id
  private: [url]
  faults:
    no key: event_id is null
    no name: coalesce(trim(name), '') = ''
    no moment: occurred_at is null
    nobody: coalesce(trim(user_id), '') = '' and coalesce(trim(anonymous_id), '') = ''
    negative quantity: qty < 0
{% endset %}
{{ return(fromyaml(tables)) }}
{% endmacro %}
