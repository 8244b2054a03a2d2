with reasons as (
  select person_id, 'recent_buyer' as reason
  from {{ ref('recent_buyers_suppress') }}
  union all
  select person_id, reason
  from {{ ref('refund_or_complaint_pause') }}
  union all
  select person_id, 'open_ticket' as reason
  from {{ ref('person_tickets') }}
  where closed_at is null
  union all
  select orders.person_id, 'replacement' as reason
  from {{ ref('stg_shipments') }} as shipments
  inner join {{ ref('person_orders') }} as orders using (order_id)
  where shipments.kind = 'replacement'
    and {{ within('shipments.shipped_at', days=var('recent_buyer_days')) }}
),

spared as (
  select person_id, min(reason) as reason
  from reasons
  group by person_id
)

select
  persons.person_id,
  persons.email,
  persons.phone,
  spared.reason
from spared
inner join {{ ref('persons') }} as persons using (person_id)
where persons.is_base
  and coalesce(persons.email, persons.phone) is not null
