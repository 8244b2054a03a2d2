with parcels as (
  select
    orders.person_id,
    shipments.shipment_id,
    shipments.order_id,
    shipments.carrier,
    shipments.shipped_at,
    row_number() over (
      partition by orders.person_id order by shipments.shipped_at desc, shipments.shipment_id
    ) as choice
  from {{ ref('stg_shipments') }} as shipments
  inner join {{ ref('person_orders') }} as orders using (order_id)
  where shipments.delivered_at is null
    and {{ within('shipments.shipped_at', hours=var('shipped_hours')) }}
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  parcels.shipment_id,
  parcels.order_id,
  parcels.carrier
from parcels
inner join {{ ref('service_contacts') }} as contacts using (person_id)
where parcels.choice = 1
  -- It is a message to the phone; who has allowed none of those reads the mail of the order.
  and contacts.phone is not null
