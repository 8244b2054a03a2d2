{# The sales team's pipeline: a feed of changes. #}
{% macro crm_tables() %}
{% set tables %}
opportunities:
  columns: [opportunity_id, account_id, kind, stage, status, amount, opened_at, closed_at, changed_at]
  key: [opportunity_id]
  happened: changed_at
  newest: changed_at desc, loaded_at desc
  faults:
    no key: opportunity_id is null
    no account: coalesce(trim(account_id), '') = ''
    unknown kind: coalesce(kind, '') not in ('new', 'expansion', 'renewal')
    unknown status: coalesce(status, '') not in ('open', 'won', 'lost')
    no moment: changed_at is null
{% endset %}
{{ return(fromyaml(tables)) }}
{% endmacro %}
