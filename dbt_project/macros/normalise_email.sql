{# Lower case without blanks around; NULL when it cannot be an address. #}
{% macro normalise_email(address) -%}
  {%- set plain = 'lower(trim(' ~ address ~ '))' -%}
  case
    when {{ plain }} like '%_@_%._%'
      and {{ plain }} not like '%@%@%'
      and {{ plain }} not like '% %'
      and {{ plain }} not like '%..%'
      then {{ plain }}
  end
{%- endmacro %}
