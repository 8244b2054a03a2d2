{# Values that arrive as text, or broken in a known way. #}

{# A moment with an offset, as text, in UTC; NULL when it is none. #}
{% macro utc(text) -%}
  {{ return(adapter.dispatch('utc')(text)) }}
{%- endmacro %}

{% macro default__utc(text) -%}
  cast(try_cast({{ text }} as timestamp with time zone) at time zone 'UTC' as timestamp)
{%- endmacro %}

{% macro postgres__utc(text) -%}
  case
    when {{ text }} ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}'
      then cast({{ text }} as timestamptz) at time zone 'UTC'
  end
{%- endmacro %}

{# An amount of money as text; NULL when it is none. #}
{% macro money(text) -%}
  {{ return(adapter.dispatch('money')(text)) }}
{%- endmacro %}

{% macro default__money(text) -%}
  try_cast({{ text }} as decimal(18, 2))
{%- endmacro %}

{% macro postgres__money(text) -%}
  case when {{ text }} ~ '^-?[0-9]+([.][0-9]+)?$' then cast({{ text }} as decimal(18, 2)) end
{%- endmacro %}

{# '17.0' and '17' are what spreadsheets and exports make of c_00017; anything else stays as it is. #}
{% macro mended_ref(id) -%}
  {%- set number -%}
    case when {{ id }} like '%.0' then substr({{ id }}, 1, length({{ id }}) - 2) else {{ id }} end
  {%- endset -%}
  case
    when {{ id }} <> '' and translate({{ number }}, '0123456789', '') = ''
      then 'c_' || substr('00000', length({{ number }}) + 1) || {{ number }}
    else {{ id }}
  end
{%- endmacro %}

{# An address without query and fragment: those may carry a person's token, and nobody needs them. #}
{% macro plain_url(url) -%}
  {{ return(adapter.dispatch('plain_url')(url)) }}
{%- endmacro %}

{% macro default__plain_url(url) -%}
  split_part(split_part({{ url }}, '?', 1), '#', 1)
{%- endmacro %}

{# The first text of a JSON list. #}
{% macro first_of(json) -%}
  {{ return(adapter.dispatch('first_of')(json)) }}
{%- endmacro %}

{% macro default__first_of(json) -%}
  json_extract_string({{ json }}, '$[0]')
{%- endmacro %}

{% macro postgres__first_of(json) -%}
  cast({{ json }} as json) ->> 0
{%- endmacro %}

{# The number at a path of a JSON object. #}
{% macro number_at(json, path) -%}
  {{ return(adapter.dispatch('number_at')(json, path)) }}
{%- endmacro %}

{% macro default__number_at(json, path) -%}
  try_cast(json_extract_string({{ json }}, '{{ path }}') as decimal(18, 2))
{%- endmacro %}

{% macro postgres__number_at(json, path) -%}
  cast(jsonb_path_query_first(cast({{ json }} as jsonb), '{{ path }}') #>> '{}' as decimal(18, 2))
{%- endmacro %}

{# The sum of all numbers that a path of a JSON object means. #}
{% macro sum_at(json, path) -%}
  {{ return(adapter.dispatch('sum_at')(json, path)) }}
{%- endmacro %}

{% macro default__sum_at(json, path) -%}
  list_sum(cast(json_extract({{ json }}, '{{ path }}') as decimal(18, 2)[]))
{%- endmacro %}

{% macro postgres__sum_at(json, path) -%}
  (
    select sum(cast(item #>> '{}' as decimal(18, 2)))
    from jsonb_path_query(cast({{ json }} as jsonb), '{{ path }}') as items(item)
  )
{%- endmacro %}
