with changes as (
  select
    product_id,
    changed_at,
    available_qty,
    lag(available_qty) over (partition by product_id order by changed_at) as qty_before
  from {{ ref('stg_stock_changes') }}
),

restocked as (
  select
    product_id,
    changed_at as restocked_at,
    available_qty as restocked_qty,
    row_number() over (partition by product_id order by changed_at desc) as recency
  from changes
  where qty_before = 0
    and {{ within('changed_at', hours=var('stock_fresh_hours')) }}
),

waiting as (
  select
    person_refs.person_id,
    wishes.product_id,
    min(wishes.subscribed_at) as subscribed_at
  from {{ ref('stg_stock_subscriptions') }} as wishes
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
  where wishes.cancelled_at is null
  group by person_refs.person_id, wishes.product_id
),

bought as (
  select person_id, product_id, max(paid_at) as last_paid_at
  from {{ ref('person_order_lines') }}
  group by person_id, product_id
),

judged as (
  select
    waiting.person_id,
    waiting.product_id,
    waiting.subscribed_at,
    restocked.restocked_at,
    restocked.restocked_qty,
    available.available_qty,
    case when bought.last_paid_at >= waiting.subscribed_at then 'bought_since' end as excluded
  from waiting
  inner join restocked using (product_id)
  inner join {{ ref('product_stock') }} as available using (product_id)
  left join bought using (person_id, product_id)
  where restocked.recency = 1
    and waiting.subscribed_at < restocked.restocked_at
),

queue as (
  select
    judged.*,
    contacts.email,
    contacts.phone,
    row_number() over (partition by judged.product_id order by judged.subscribed_at, judged.person_id) as place,
    count(*) over (partition by judged.product_id) as people
  from judged
  inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
  where judged.excluded is null
),

chosen as (
  select
    *,
    row_number() over (partition by person_id order by restocked_at desc, product_id) as choice
  from queue
  where restocked_qty >= {{ var('stock_min_qty') }}
    and restocked_qty * {{ var('stock_people_per_piece') }} >= people
    and place <= available_qty * {{ var('stock_told_factor') }}
)

select
  person_id,
  email,
  phone,
  product_id,
  restocked_at
from chosen
where choice = 1
