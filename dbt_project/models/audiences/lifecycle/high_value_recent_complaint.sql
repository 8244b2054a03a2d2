with complaints as (
  select
    person_id,
    ticket_id,
    opened_at,
    row_number() over (partition by person_id order by opened_at desc, ticket_id) as recency
  from {{ ref('person_tickets') }}
  where kind in ({{ texts(var('complaint_kinds')) }})
    and {{ within('opened_at', days=var('complaint_days')) }}
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  complaints.ticket_id,
  complaints.opened_at as complained_at,
  worth.revenue
from complaints
inner join {{ ref('person_value') }} as worth using (person_id)
inner join {{ ref('service_contacts') }} as contacts using (person_id)
where complaints.recency = 1
  and worth.revenue_place <= {{ var('top_decile') }} * worth.buyers_count
