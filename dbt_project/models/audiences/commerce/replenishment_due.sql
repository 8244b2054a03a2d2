with purchases as (
  select
    person_id,
    product_id,
    {{ business_date('paid_at') }} as day,
    sum(qty) as qty
  from {{ ref('person_order_lines') }}
  where is_consumable
  group by person_id, product_id, {{ business_date('paid_at') }}
),

paces as (
  select
    *,
    {{ dbt.datediff('day', 'lead(day) over (partition by person_id, product_id order by day)', 'day') }}
      / cast(qty as double precision) as days_a_piece,
    count(*) over (partition by person_id, product_id) as times,
    row_number() over (partition by person_id, product_id order by day desc) as recency
  from purchases
),

own as (
  select
    person_id,
    product_id,
    percentile_cont(0.5) within group (order by days_a_piece) as days_a_piece
  from paces
  where times >= {{ var('replenish_own_times') }}
  group by person_id, product_id
),

everybody as (
  select
    product_id,
    percentile_cont(0.5) within group (order by days_a_piece) as days_a_piece
  from paces
  group by product_id
  having count(days_a_piece) >= {{ var('replenish_min_gaps') }}
),

last_purchases as (
  select
    paces.person_id,
    paces.product_id,
    paces.day as last_bought_on,
    {{ days_ago('paces.day') }} as days_since,
    coalesce(own.days_a_piece, everybody.days_a_piece) * paces.qty as cycle_days
  from paces
  left join own using (person_id, product_id)
  left join everybody using (product_id)
  where paces.recency = 1
),

standing_orders as (
  select person_refs.person_id, orders.product_id
  from {{ ref('stg_product_subscriptions') }} as orders
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
  where orders.cancelled_at is null
),

judged as (
  select
    last_purchases.*,
    case when standing_orders.person_id is not null then 'standing_order' end as excluded
  from last_purchases
  left join standing_orders using (person_id, product_id)
  where last_purchases.days_since >= last_purchases.cycle_days - {{ var('replenish_window_days') }}
    and last_purchases.days_since < last_purchases.cycle_days + {{ var('replenish_window_days') }}
    -- A pace faster than the window would be due on the day of buying.
    and last_purchases.days_since >= {{ var('replenish_min_days') }}
),

chosen as (
  select
    *,
    row_number() over (partition by person_id order by days_since - cycle_days desc, product_id) as choice
  from judged
  where excluded is null
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  chosen.product_id,
  chosen.last_bought_on,
  cast(round(chosen.cycle_days) as integer) as cycle_days
from chosen
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where chosen.choice = 1
