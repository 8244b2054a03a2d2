with kept as (
  select person_id, paid_at
  from {{ ref('person_orders') }}
  where paid_at is not null
    and cancelled_at is null
),

buyers as (
  select
    person_id,
    count(*) as orders_count,
    max(paid_at) as last_paid_at
  from kept
  group by person_id
),

lapsed as (
  select
    buyers.person_id,
    buyers.orders_count,
    {{ days_ago(business_date('buyers.last_paid_at')) }} as days_since,
    case
      when buyers.orders_count = 1 then {{ var('lapsed_one_order_days') }}
      else greatest({{ var('lapsed_min_days') }}, {{ var('lapsed_gap_factor') }} * coalesce(rhythm.median_gap_days, 0))
    end as patience_days
  from buyers
  left join {{ ref('person_rhythm') }} as rhythm using (person_id)
),

judged as (
  select
    lapsed.person_id,
    lapsed.orders_count,
    lapsed.days_since,
    purchases.last_order_value,
    case
      when purchases.last_order_fully_refunded then 'last_order_refunded'
      when unengaged.person_id is not null then 'unengaged'
    end as excluded
  from lapsed
  inner join {{ ref('person_purchases') }} as purchases using (person_id)
  left join {{ ref('sunset_unengaged') }} as unengaged using (person_id)
  where lapsed.days_since > lapsed.patience_days
    and lapsed.days_since <= {{ var('lapsed_max_days') }}
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  cast(judged.orders_count as integer) as orders_count,
  cast(judged.days_since as integer) as days_since_last_order,
  judged.last_order_value
from judged
inner join {{ ref('advertising_contacts') }} as contacts using (person_id)
where judged.excluded is null
