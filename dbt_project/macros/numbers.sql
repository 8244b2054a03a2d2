{# Rows 0 … n - 1 in a column `number`. (Engines name their series differently; digits are the same everywhere.) #}
{% macro numbers(n) -%}
  {%- set places = (n - 1) | string | length -%}
  select number
  from (
    select {% for place in range(places) %}{{ ' + ' if place }}{{ 10 ** place }} * d{{ place }}.digit{% endfor %} as number
    from {% for place in range(places) -%}
    {{ ' cross join ' if place }}(
      select 0 as digit {% for digit in range(1, 10) %}union all select {{ digit }} {% endfor -%}
    ) as d{{ place }}
    {%- endfor %}
  ) as numbers
  where number < {{ n }}
{%- endmacro %}
