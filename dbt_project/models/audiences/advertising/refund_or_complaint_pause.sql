with troubles as (
  select orders.person_id, 'refund' as reason
  from {{ ref('stg_refunds') }} as refunds
  inner join {{ ref('person_orders') }} as orders using (order_id)
  where {{ within('refunds.refunded_at', days=var('pause_days')) }}
  union all
  select orders.person_id, 'chargeback' as reason
  from {{ ref('stg_chargebacks') }} as chargebacks
  inner join {{ ref('person_orders') }} as orders using (order_id)
  where chargebacks.closed_at is null
    or {{ within('chargebacks.opened_at', days=var('pause_days')) }}
  union all
  select person_id, 'complaint' as reason
  from {{ ref('person_tickets') }}
  where kind in ('complaint', 'chargeback')
    and closed_at is null
  union all
  select person_id, 'low_rating' as reason
  from {{ ref('person_reviews') }}
  where rating <= {{ var('pause_max_rating') }}
    and {{ within('created_at', days=var('pause_days')) }}
),

paused as (
  select person_id, min(reason) as reason
  from troubles
  group by person_id
)

select
  persons.person_id,
  persons.email,
  persons.phone,
  paused.reason
from paused
inner join {{ ref('persons') }} as persons using (person_id)
where persons.is_base
  and coalesce(persons.email, persons.phone) is not null
