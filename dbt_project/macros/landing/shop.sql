{# The web shop's own database: people, goods, orders and what follows them. #}
{% macro shop_tables() %}
{% set tables %}
persons:
  columns: [person_ref, first_name, last_name, country, timezone, created_at, is_test, is_employee, deleted_at]
  key: [person_ref]
  faults:
    no person: coalesce(trim(person_ref), '') = ''
    no moment: created_at is null
identities:
  columns: [identity_id, person_ref, kind, value, verified, first_seen_at]
  key: [identity_id]
  faults:
    no key: identity_id is null
    no person: coalesce(trim(person_ref), '') = ''
    unknown kind: coalesce(kind, '') not in ('email', 'phone', 'device', 'anonymous', 'external_id')
    no value: coalesce(trim(value), '') = ''
products:
  columns: [product_id, name, category, price, cost, currency, consumable, created_at]
  key: [product_id]
  happened: created_at
  faults:
    no key: product_id is null
    no price: price is null
    negative price: price < 0
price_changes:
  columns: [product_id, price, currency, changed_at]
  key: [product_id, changed_at]
  happened: changed_at
  faults:
    no key: product_id is null or changed_at is null
    no price: price is null
    negative price: price < 0
    no currency: currency is null
stock_changes:
  columns: [product_id, available_qty, changed_at]
  key: [product_id, changed_at]
  happened: changed_at
  faults:
    no key: product_id is null or changed_at is null
    no quantity: available_qty is null
    negative quantity: available_qty < 0
stock_subscriptions:
  columns: [stock_subscription_id, person_ref, product_id, subscribed_at, cancelled_at]
  key: [stock_subscription_id]
  happened: subscribed_at
  faults:
    no key: stock_subscription_id is null
    no person: coalesce(trim(person_ref), '') = ''
    no product: product_id is null
    no moment: subscribed_at is null
product_subscriptions:
  columns: [product_subscription_id, person_ref, product_id, every_days, started_at, cancelled_at]
  key: [product_subscription_id]
  happened: started_at
  faults:
    no key: product_subscription_id is null
    no person: coalesce(trim(person_ref), '') = ''
    no product: product_id is null
    no moment: started_at is null
orders:
  columns: [order_id, person_ref, placed_at, paid_at, cancelled_at, delivered_at, gross, discount]
  key: [order_id]
  faults:
    no key: order_id is null
    no person: coalesce(trim(person_ref), '') = ''
    no moment: placed_at is null
    no amount: gross is null
    negative amount: gross < 0 or discount < 0 or gross < discount
    paid before placed: paid_at < placed_at
order_lines:
  columns: [order_id, line_no, product_id, qty, unit_price]
  key: [order_id, line_no]
  faults:
    no key: order_id is null or line_no is null
    no product: product_id is null
    no quantity: coalesce(qty, 0) = 0
    negative quantity: qty < 0
    no price: unit_price is null
    negative price: unit_price < 0
refunds:
  columns: [refund_id, order_id, amount, refunded_at]
  key: [refund_id]
  happened: refunded_at
  faults:
    no key: refund_id is null
    no order: order_id is null
    no moment: refunded_at is null
    no amount: coalesce(amount, 0) = 0
    negative amount: amount < 0
shipments:
  columns: [shipment_id, order_id, kind, carrier, tracking_url, shipped_at, delivered_at]
  key: [shipment_id]
  happened: shipped_at
  private: [tracking_url]
  faults:
    no key: shipment_id is null
    no order: order_id is null
    unknown kind: coalesce(kind, '') not in ('original', 'replacement')
    no moment: shipped_at is null
    delivered before shipped: delivered_at < shipped_at
returns:
  columns: [return_id, order_id, product_id, reason, requested_at, closed_at]
  key: [return_id]
  happened: requested_at
  faults:
    no key: return_id is null
    no order: order_id is null
    no moment: requested_at is null
    closed before requested: closed_at < requested_at
loyalty_points:
  columns: [entry_id, person_ref, points, reason, occurred_at]
  key: [entry_id]
  happened: occurred_at
  faults:
    no key: entry_id is null
    no person: coalesce(trim(person_ref), '') = ''
    no points: coalesce(points, 0) = 0
    no moment: occurred_at is null
{% endset %}
{{ return(fromyaml(tables)) }}
{% endmacro %}
