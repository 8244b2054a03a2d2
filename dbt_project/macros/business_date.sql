{# Day rules count complete days of the business time zone. #}

{# The business day on which as_of falls, or one so many days before it. That day itself is not complete. #}
{% macro business_day(days=0) -%}
  {%- set utc = modules.pytz.utc.localize(as_of_moment()) -%}
  {%- set local = utc.astimezone(modules.pytz.timezone(var('business_timezone'))) -%}
  cast('{{ local.date() - modules.datetime.timedelta(days=days) }}' as date)
{%- endmacro %}

{# The business day of a UTC timestamp. #}
{% macro business_date(moment) -%}
  {{ return(adapter.dispatch('business_date')(moment)) }}
{%- endmacro %}

{% macro default__business_date(moment) -%}
  cast(({{ moment }} at time zone 'UTC') at time zone '{{ var("business_timezone") }}' as date)
{%- endmacro %}

{# How many days a past business day lies before that of as_of: yesterday is 1. #}
{% macro days_ago(day) -%}
  {{ dbt.datediff(day, business_day(), 'day') }}
{%- endmacro %}
