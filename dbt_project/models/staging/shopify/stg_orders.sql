{{ config(enabled=var('orders_from') == 'shopify') }}

-- Shopify has no moment of payment: an order that was ever paid was paid when it was processed.
select
  'o_' || id as order_id,
  {{ mended_ref('customer_id') }} as person_ref,
  {{ utc('created_at') }} as placed_at,
  case
    when financial_status in ('paid', 'partially_refunded', 'refunded') then {{ passed(utc('processed_at')) }}
  end as paid_at,
  {{ passed(utc('cancelled_at')) }} as cancelled_at,
  {{ passed(utc('delivered_at')) }} as delivered_at,
  cast(total_line_items_price as decimal(18, 2)) as gross_value,
  coalesce(cast(total_discounts as decimal(18, 2)), 0) as discount_value,
  cast(total_price as decimal(18, 2)) as order_value
from {{ landed('shopify', 'shopify_orders') }}
