with last_words as (
  select
    person_refs.person_id,
    consents.status,
    row_number() over (
      partition by person_refs.person_id
      -- In the same second no outweighs yes.
      order by consents.changed_at desc, case consents.status when 'granted' then 1 else 0 end, consents.status
    ) as recency
  from {{ ref('stg_consents') }} as consents
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
  where consents.channel = 'all'
),

reasons as (
  select person_id, status as reason
  from last_words
  where recency = 1 and status in ('withdrawn', 'erasure')
  union all
  select person_refs.person_id, 'erasure' as reason
  from {{ ref('stg_erasure_requests') }} as requests
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
  where requests.closed_at is null
  union all
  select orders.person_id, 'chargeback' as reason
  from {{ ref('stg_chargebacks') }} as chargebacks
  inner join {{ ref('person_orders') }} as orders using (order_id)
  where chargebacks.closed_at is null
  union all
  select person_refs.person_id, bounces.kind as reason
  from {{ ref('stg_bounces') }} as bounces
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
  where bounces.channel = 'email' and bounces.kind in ('hard', 'complaint')
  union all
  select person_id, case kind when 'chargeback' then 'chargeback' else 'severe_ticket' end as reason
  from {{ ref('person_tickets') }}
  where closed_at is null
    and (severity = 1 or kind = 'chargeback')
)

select
  person_id,
  min(reason) as reason
from reasons
group by person_id
