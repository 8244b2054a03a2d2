{#
  Each of these feeds has brought something lately (var `ready_hours`). Where one has not, nobody knows what people have
  *not* done: the test fails, and the gate plans nothing for the audience, so that it stays in every channel as it was and
  a list of persons to spare keeps its last good state.
#}
{% test ready(model, feeds) %}
{%- for feed in feeds %}
select '{{ feed }}' as late_feed
where not {{ ready(raw(*landing_of(feed)), hours=var('ready_hours')[feed]) }}
{{ 'union all' if not loop.last }}
{%- endfor %}
{% endtest %}

{# Where a feed lands: source and table. #}
{% macro landing_of(feed) -%}
  {%- set orders = ('shop', 'orders') if var('orders_from') == 'shop' else ('shopify', 'shopify_orders') -%}
  {{ return({
    'orders': orders,
    'web_events': ('web', 'events'),
    'payments': ('billing', 'payments'),
    'usage': ('billing', 'usage_daily'),
    'product_events': ('product', 'product_events'),
  }[feed]) }}
{%- endmacro %}
