{#
  The moment a run is computed for. It is the var `as_of`, never a clock, so that any day can be replayed.
  Boundaries are worked out here and rendered as literals: no engine's interval arithmetic is involved.
#}

{# The var as a UTC datetime. Accepts a date, a timestamp, and a timestamp with Z or an offset. #}
{% macro as_of_moment() %}
  {%- set text = var('as_of') | string | trim -%}
  {%- set iso = '^\\d{4}-\\d{2}-\\d{2}([T ]\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,6})?)?(Z|[+-]\\d{2}:?\\d{2})?)?$' -%}
  {%- if not modules.re.match(iso, text) -%}
    {% do exceptions.raise_compiler_error(
      "the var as_of is '" ~ text ~ "'; write an ISO 8601 date or time, such as 2026-10-21T06:00:00Z") %}
  {%- endif -%}
  {%- set moment = modules.datetime.datetime.fromisoformat(text) -%}
  {%- if moment.tzinfo -%}
    {%- set moment = moment.astimezone(modules.pytz.utc).replace(tzinfo=none) -%}
  {%- endif -%}
  {{ return(moment) }}
{% endmacro %}

{# as_of, or a moment so many days and hours before it, as a UTC timestamp. #}
{% macro as_of(days=0, hours=0) -%}
  {%- set moment = as_of_moment() - modules.datetime.timedelta(days=days, hours=hours) -%}
  cast('{{ moment.isoformat(sep=" ") }}' as timestamp)
{%- endmacro %}

{# The window [as_of - w, as_of). #}
{% macro within(moment, days=0, hours=0) -%}
  ({{ moment }} >= {{ as_of(days, hours) }} and {{ moment }} < {{ as_of() }})
{%- endmacro %}

{# An age of at least from_hours and less than to_hours: as_of - moment in [from, to). #}
{% macro aged(moment, from_hours, to_hours) -%}
  ({{ moment }} > {{ as_of(hours=to_hours) }} and {{ moment }} <= {{ as_of(hours=from_hours) }})
{%- endmacro %}

{# Only what had been loaded by then: a replayed day must not see rows that came later. #}
{% macro known() -%}
  loaded_at < {{ as_of() }}
{%- endmacro %}

{# A moment that had passed by then; a later one is not yet true. #}
{% macro passed(moment) -%}
  case when {{ moment }} < {{ as_of() }} then {{ moment }} end
{%- endmacro %}
