{{ config(
  materialized='incremental',
  unique_key='event_id',
  incremental_strategy='delete+insert',
  on_schema_change='fail'
) }}

with arrived as (
  select
    event_id,
    anonymous_id,
    {{ mended_ref('user_id') }} as person_ref,
    name,
    occurred_at,
    session_id,
    cart_id,
    product_id,
    coalesce(qty, 1) as qty,
    value,
    {{ plain_url('url') }} as url,
    loaded_at
  from {{ raw('web', 'events') }}
  where {{ fault(landing('web').events) }} is null
    {%- if is_incremental() %}
    -- Loaders finish out of order: what landed shortly before the newest row we have may have become visible after it.
    and loaded_at >= (
      select {{ dbt.dateadd('hour', -var('events_overlap_hours'), 'max(loaded_at)') }} from {{ this }}
    )
    {%- endif %}
),

rivals as (
  select * from arrived
  {%- if is_incremental() %}
  union all
  select * from {{ this }} where event_id in (select event_id from arrived)
  {%- endif %}
),

ranked as (
  select
    *,
    row_number() over (
      partition by event_id
      order by
        loaded_at, person_ref, anonymous_id, name, occurred_at, session_id, cart_id, product_id, qty, value, url
    ) as arrival
  from rivals
)

select
  event_id,
  anonymous_id,
  person_ref,
  name,
  occurred_at,
  session_id,
  cart_id,
  product_id,
  qty,
  value,
  url,
  loaded_at
from ranked
where arrival = 1
