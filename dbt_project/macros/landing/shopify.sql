{#
  A Shopify export: every value is text, moments carry the shop's offset, money is a decimal in quotes. `landing_site` is
  an address with whatever the visitor's link carried.
#}
{% macro shopify_tables() %}
{% set tables %}
shopify_orders:
  columns: [id, customer_id, created_at, processed_at, updated_at, cancelled_at, delivered_at, financial_status, currency, total_line_items_price, total_discounts, total_price, test, landing_site]
  key: [id]
  newest: "{{ utc('updated_at') }} desc, loaded_at desc"
  private: [landing_site]
  faults:
    no key: id is null
    made to try the shop: coalesce(test, '') = 'true'
    no person: coalesce(trim(customer_id), '') = ''
    no moment: "{{ utc('created_at') }} is null"
    no amount: "{{ money('total_price') }} is null or {{ money('total_line_items_price') }} is null"
    negative amount: cast(total_price as decimal(18, 2)) < 0 or cast(total_discounts as decimal(18, 2)) < 0
shopify_order_lines:
  columns: [order_id, line_number, sku, quantity, price]
  key: [order_id, line_number]
  faults:
    no key: order_id is null or line_number is null
    no product: sku is null
    no quantity: coalesce(cast(quantity as integer), 0) = 0
    negative quantity: cast(quantity as integer) < 0
    no price: "{{ money('price') }} is null"
    negative price: cast(price as decimal(18, 2)) < 0
shopify_refunds:
  columns: [id, order_id, processed_at, amount]
  key: [id]
  happened: "{{ utc('processed_at') }}"
  faults:
    no key: id is null
    no order: order_id is null
    no moment: "{{ utc('processed_at') }} is null"
    no amount: coalesce(cast(amount as decimal(18, 2)), 0) = 0
    negative amount: cast(amount as decimal(18, 2)) < 0
{% endset %}
{{ return(fromyaml(tables)) }}
{% endmacro %}
