with days as (
  select
    number as age,
    {{ dbt.dateadd('day', '-number', as_of()) }} as moment
  from ({{ numbers(var('vip_memory_days')) }}) as numbers
),

movements as (
  select
    person_id,
    paid_at,
    paid_at as happened_at,
    order_value as amount,
    1 as orders
  from {{ ref('person_orders') }}
  where cancelled_at is null
  union all
  select
    orders.person_id,
    orders.paid_at,
    refunds.refunded_at as happened_at,
    -refunds.amount as amount,
    0 as orders
  from {{ ref('stg_refunds') }} as refunds
  inner join {{ ref('person_orders') }} as orders using (order_id)
  where orders.cancelled_at is null
),

sums as (
  select
    days.age,
    movements.person_id,
    sum(movements.orders) as orders_count,
    sum(movements.amount) as revenue
  from days
  inner join movements
    on movements.happened_at < days.moment
    and movements.paid_at >= {{ dbt.dateadd('day', -var('vip_days'), 'days.moment') }}
  inner join {{ ref('persons') }} as persons using (person_id)
  where persons.is_base
  group by days.age, movements.person_id
),

ranked as (
  select
    *,
    rank() over (partition by age order by revenue desc) as place,
    count(*) over (partition by age) as buyers
  from sums
)

select
  person_id,
  age as days_ago,
  orders_count,
  cast(revenue as decimal(18, 2)) as revenue,
  place <= {{ var('vip_top_share') }} * buyers and orders_count >= {{ var('vip_min_orders') }} as is_entry
from ranked
where place <= {{ var('vip_stay_share') }} * buyers
