{# The last day that is known, as a SQL date: the date part of the var as_of exactly as it is written. Time and
   offset are not converted: 2011-06-30T23:59:59Z and 2011-06-30T00:00:00+02:00 both mean the end of 30 June. #}
{% macro as_of() -%}
    {%- set text = var('as_of') | string | trim -%}
    {%- if not modules.re.match('[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]|$)', text) -%}
        {{ exceptions.raise_compiler_error(
            "the var as_of is '" ~ text ~ "'; it must begin with a date, as in 2011-06-30 or 2011-06-30T23:59:59Z"
        ) }}
    {%- endif -%}
    date '{{ text[:10] }}'
{%- endmacro %}

{# Whether the fact is dated on or before the end of day D. #}
{% macro is_known(date_column) -%}
    ({{ date_column }} <= {{ as_of() }})
{%- endmacro %}

{# Calendar days from the date to D: 0 on D itself. #}
{% macro days_ago(date_column) -%}
    ({{ as_of() }} - {{ date_column }})
{%- endmacro %}

{# The last n calendar days, D included: D-(n-1)..D. #}
{% macro within_last_days(date_column, n) -%}
    ({{ days_ago(date_column) }} between 0 and {{ n - 1 }})
{%- endmacro %}
