{# For how many days a purchase of this category spares its buyer: a machine's longer than a bag of beans, if so said. #}
{% macro days_by_category(category) -%}
  {%- set own = var('recent_buyer_days_by_category') -%}
  {%- if own -%}
  case {{ category }}
    {%- for name, days in own.items() %} when '{{ name }}' then {{ days }}{% endfor %}
    else {{ var('recent_buyer_days') }}
  end
  {%- else -%}
  {{ var('recent_buyer_days') }}
  {%- endif -%}
{%- endmacro %}
