{#
  International form (+491701234567), or NULL when it cannot be one. A national number needs the person's country.
  Only `translate`, `replace` and `like`: every engine has them, and they mean the same everywhere.
#}
{% macro normalise_phone(number, country) -%}
  {%- set dialled = "translate(replace(" ~ number ~ ", '(0)', ''), ' ()-./', '')" -%}
  {%- set international -%}
    case
      when {{ dialled }} like '+%' then {{ dialled }}
      when {{ dialled }} like '00%' then '+' || substr({{ dialled }}, 3)
      when {{ dialled }} like '0%' then
        case {{ country }}
          {%- for name, code in var('calling_codes').items() %}
          when '{{ name }}' then '+{{ code }}'
          {%- endfor %}
        end || substr({{ dialled }}, 2)
    end
  {%- endset -%}
  case
    when length({{ international }}) between 9 and 16
      and translate({{ international }}, '0123456789', '') = '+'
      and {{ international }} not like '+0%'
      then {{ international }}
  end
{%- endmacro %}
