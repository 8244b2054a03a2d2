with paid as (
  select
    *,
    {{ business_date('paid_at') }} as paid_on,
    {{ within('paid_at', days=365) }} as is_recent
  from {{ ref('person_orders') }}
  where paid_at is not null
),

margins as (
  select
    lines.order_id,
    -- A product whose cost nobody knows earns nothing here.
    sum(lines.line_value - lines.qty * coalesce(products.cost, lines.unit_price)) as line_margin,
    sum(lines.qty) as units
  from {{ ref('stg_order_lines') }} as lines
  left join {{ ref('stg_products') }} as products using (product_id)
  group by lines.order_id
),

totals as (
  select
    paid.person_id,
    count(*) as orders_count,
    count(case when paid.is_recent then 1 end) as orders_365d,
    count(paid.cancelled_at) as cancelled_orders_count,
    min(paid.paid_at) as first_order_at,
    max(paid.paid_at) as last_order_at,
    max(paid.paid_on) as last_order_on,
    sum(paid.order_value) as paid_value,
    sum(paid.refunded_value) as refunded_value,
    sum(paid.order_value - paid.refunded_value) as revenue,
    sum(case when paid.is_recent then paid.order_value - paid.refunded_value else 0 end) as revenue_365d,
    count(case when paid.discount_value > 0 then 1 end) as discounted_orders_count,
    sum(paid.discount_value) as discount_value,
    sum(paid.order_value + paid.discount_value) as gross_value,
    sum(
      case
        when paid.is_recent then coalesce(margins.line_margin, 0) - paid.discount_value - paid.refunded_value
        else 0
      end
    ) as margin_365d,
    max(coalesce(margins.units, 0)) as largest_order_units
  from paid
  left join margins on margins.order_id = paid.order_id
  group by paid.person_id
)

select
  totals.*,
  coalesce(rhythm.order_days_count, 0) as order_days_count,
  cast(rhythm.median_gap_days as decimal(18, 1)) as median_gap_days
from totals
left join {{ ref('person_rhythm') }} as rhythm on rhythm.person_id = totals.person_id
