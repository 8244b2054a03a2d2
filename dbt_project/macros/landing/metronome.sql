{#
  The usage billing system's warehouse export: appended at least once, so the last updated row of an id counts, and only
  its production environment. Balances and drafts are snapshots; a draft that is not complete says nothing.
#}
{% macro metronome_tables() %}
{% set tables %}
metronome_customer:
  columns: [id, environment_type, name, ingest_aliases, billing_provider_customer_id, created_at, archived_at, updated_at]
  key: [id]
  newest: updated_at desc, loaded_at desc
  faults: &exported
    no key: id is null
    not production: coalesce(environment_type, '') <> 'PRODUCTION'
    no moment: updated_at is null
metronome_contracts_contracts:
  columns: [id, environment_type, snapshot_id, customer_id, starting_at, ending_before, archived_at, updated_at]
  key: [id]
  happened: updated_at
  newest: updated_at desc, loaded_at desc
  faults:
    <<: *exported
    no customer: customer_id is null
metronome_contracts_balances:
  columns: [id, environment_type, snapshot_id, customer_id, contract_id, type, name, access_schedule, balance, updated_at]
  key: [id, updated_at]
  happened: updated_at
  faults:
    <<: *exported
    no customer: customer_id is null
    no amount: balance is null
metronome_draft_invoice:
  columns: [_metronome_metadata_id, id, environment_type, snapshot_time, status, total, customer_id, start_timestamp, end_timestamp, updated_at]
  key: [id, snapshot_time]
  happened: snapshot_time
  newest: updated_at desc, loaded_at desc
  faults:
    <<: *exported
    no customer: customer_id is null
    incomplete draft: coalesce(status, '') <> 'DRAFT'
    no amount: total is null
metronome_invoice:
  columns: [id, environment_type, status, total, customer_id, billing_provider_invoice_external_status, start_timestamp, end_timestamp, issued_at, updated_at]
  key: [id]
  happened: issued_at
  newest: updated_at desc, loaded_at desc
  faults:
    <<: *exported
    no customer: customer_id is null
    no amount: total is null
metronome_events:
  columns: [transaction_id, environment_type, customer_id, timestamp, event_type, properties, updated_at]
  key: [transaction_id]
  happened: timestamp
  newest: updated_at, loaded_at
  faults:
    no key: transaction_id is null
    not production: coalesce(environment_type, '') <> 'PRODUCTION'
    no customer: customer_id is null
    no name: coalesce(trim(event_type), '') = ''
    no moment: timestamp is null
{% endset %}
{{ return(fromyaml(tables)) }}
{% endmacro %}
