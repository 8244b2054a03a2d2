{%- set sources = [
  'shop', 'messaging', 'web', 'support', 'reviews', 'ads', 'billing', 'product', 'crm', 'metronome', 'shopify'
] -%}
{%- for source_name in sources %}
{{ counted(source_name) }}
{{ 'union all' if not loop.last }}
{%- endfor %}
