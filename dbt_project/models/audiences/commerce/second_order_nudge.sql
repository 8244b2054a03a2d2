with orders as (
  select
    person_id,
    order_id,
    paid_at,
    count(*) over (partition by person_id) as orders_count
  from {{ ref('person_orders') }}
  where paid_at is not null
    and cancelled_at is null
    and not is_fully_refunded
),

open_returns as (
  select person_id
  from {{ ref('person_returns') }}
  where closed_at is null
),

judged as (
  select
    orders.person_id,
    orders.order_id,
    {{ days_ago(business_date('orders.paid_at')) }} as days_since,
    case
      when open_returns.person_id is not null then 'open_return'
      when due.person_id is not null then 'replenishment_due'
    end as excluded
  from orders
  left join open_returns using (person_id)
  left join {{ ref('replenishment_due') }} as due using (person_id)
  where orders.orders_count = 1
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  judged.order_id,
  cast(judged.days_since as integer) as days_since_order
from judged
inner join {{ ref('advertising_contacts') }} as contacts using (person_id)
where judged.excluded is null
  and judged.days_since between {{ var('second_order_min_days') }} and {{ var('second_order_max_days') }}
