{#
  Which of 10,000 buckets a text falls into: the first eight digits of its MD5, as the engine draws holdouts. Worked out
  digit by digit, since no two engines read hexadecimal alike.
#}
{% macro bucket(text) -%}
  mod(
    {%- for place in range(8) %}
    {{ '+ ' if place }}cast(position(substr({{ dbt.hash(text) }}, {{ place + 1 }}, 1) in '123456789abcdef') as bigint) * {{ 16 ** (7 - place) }}
    {%- endfor %},
    10000
  )
{%- endmacro %}
