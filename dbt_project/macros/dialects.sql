{#
  What `text.sql` and `business_date.sql` say, in the words of engines whose own differ. dbt picks the macro of the
  adapter in use; Databricks' adapter falls back to Spark's and Redshift's to PostgreSQL's. DuckDB and PostgreSQL run in
  tests; what stands here is rendered and read back by a parser (pipelines/warehouse/README.md).
#}

{% macro snowflake__utc(text) -%}
  cast(convert_timezone('UTC', try_to_timestamp_tz({{ text }})) as timestamp_ntz)
{%- endmacro %}

{% macro bigquery__utc(text) -%}
  datetime(safe_cast({{ text }} as timestamp), 'UTC')
{%- endmacro %}

{% macro spark__utc(text) -%}
  to_utc_timestamp(try_cast({{ text }} as timestamp), current_timezone())
{%- endmacro %}

{% macro trino__utc(text) -%}
  cast(at_timezone(try(from_iso8601_timestamp(replace({{ text }}, ' ', 'T'))), 'UTC') as timestamp(6))
{%- endmacro %}

{% macro clickhouse__utc(text) -%}
  parseDateTime64BestEffortOrNull({{ text }}, 6, 'UTC')
{%- endmacro %}

{% macro snowflake__money(text) -%}
  try_to_decimal({{ text }}, 18, 2)
{%- endmacro %}

{% macro bigquery__money(text) -%}
  safe_cast({{ text }} as numeric)
{%- endmacro %}

{% macro clickhouse__money(text) -%}
  toDecimal64OrNull({{ text }}, 2)
{%- endmacro %}

{% macro bigquery__plain_url(url) -%}
  split(split({{ url }}, '?')[safe_offset(0)], '#')[safe_offset(0)]
{%- endmacro %}

{% macro clickhouse__plain_url(url) -%}
  splitByChar('#', splitByChar('?', {{ url }})[1])[1]
{%- endmacro %}

{% macro snowflake__first_of(json) -%}
  cast(get(parse_json({{ json }}), 0) as varchar)
{%- endmacro %}

{% macro bigquery__first_of(json) -%}
  json_value({{ json }}, '$[0]')
{%- endmacro %}

{% macro spark__first_of(json) -%}
  get_json_object({{ json }}, '$[0]')
{%- endmacro %}

{% macro redshift__first_of(json) -%}
  json_extract_array_element_text({{ json }}, 0)
{%- endmacro %}

{% macro trino__first_of(json) -%}
  json_extract_scalar({{ json }}, '$[0]')
{%- endmacro %}

{% macro clickhouse__first_of(json) -%}
  JSONExtractString(assumeNotNull({{ json }}), 1)
{%- endmacro %}

{% macro snowflake__number_at(json, path) -%}
  try_to_decimal(cast(get_path(parse_json({{ json }}), '{{ path[2:] }}') as varchar), 18, 2)
{%- endmacro %}

{% macro bigquery__number_at(json, path) -%}
  safe_cast(json_value({{ json }}, '{{ path }}') as numeric)
{%- endmacro %}

{% macro spark__number_at(json, path) -%}
  try_cast(get_json_object({{ json }}, '{{ path }}') as decimal(18, 2))
{%- endmacro %}

{% macro redshift__number_at(json, path) -%}
  cast(nullif(json_extract_path_text({{ json }}, '{{ path[2:] | replace(".", "', '") }}'), '') as decimal(18, 2))
{%- endmacro %}

{% macro trino__number_at(json, path) -%}
  try_cast(json_extract_scalar({{ json }}, '{{ path }}') as decimal(18, 2))
{%- endmacro %}

{% macro clickhouse__number_at(json, path) -%}
  toDecimal64OrNull(JSON_VALUE({{ json }}, '{{ path }}'), 2)
{%- endmacro %}

{# A path of a list's field, `$.list[*].field`, as its two names. #}
{% macro list_and_field(path) -%}
  {{ return(path[2:].split('[*].')) }}
{%- endmacro %}

{% macro snowflake__sum_at(json, path) -%}
  {%- set list, field = list_and_field(path) -%}
  reduce(
    cast(get_path(parse_json({{ json }}), '{{ list }}') as array), cast(0 as decimal(18, 2)),
    (total, item) -> total + cast(get_path(item, '{{ field }}') as decimal(18, 2)))
{%- endmacro %}

{% macro bigquery__sum_at(json, path) -%}
  {%- set list, field = list_and_field(path) -%}
  (
    select sum(safe_cast(json_value(item, '$.{{ field }}') as numeric))
    from unnest(json_query_array({{ json }}, '$.{{ list }}')) as item
  )
{%- endmacro %}

{% macro spark__sum_at(json, path) -%}
  {%- set list, field = list_and_field(path) -%}
  aggregate(
    from_json({{ json }}, 'struct<{{ list }}: array<struct<{{ field }}: decimal(18, 2)>>>').{{ list }}.{{ field }},
    cast(0 as decimal(28, 2)), (total, each) -> cast(total + each as decimal(28, 2)))
{%- endmacro %}

{% macro redshift__sum_at(json, path) -%}
  {%- set list, field = list_and_field(path) -%}
  (
    select sum(cast(item.{{ field }} as decimal(18, 2)))
    from (select json_parse({{ json }}) as document) as read, read.document.{{ list }} as item
  )
{%- endmacro %}

{% macro trino__sum_at(json, path) -%}
  {%- set list, field = list_and_field(path) -%}
  reduce(
    cast(json_extract({{ json }}, '$.{{ list }}') as array(json)), cast(0 as decimal(28, 2)),
    (total, item) -> total + cast(json_extract_scalar(item, '$.{{ field }}') as decimal(18, 2)), total -> total)
{%- endmacro %}

{% macro clickhouse__sum_at(json, path) -%}
  {%- set list, field = list_and_field(path) -%}
  arraySum(arrayMap(item -> toDecimal64OrZero(JSONExtractString(item, '{{ field }}'), 2),
    JSONExtractArrayRaw(assumeNotNull({{ json }}), '{{ list }}')))
{%- endmacro %}

{% macro snowflake__business_date(moment) -%}
  cast(convert_timezone('UTC', '{{ var("business_timezone") }}', {{ moment }}) as date)
{%- endmacro %}

{% macro redshift__business_date(moment) -%}
  {{ return(snowflake__business_date(moment)) }}
{%- endmacro %}

{% macro bigquery__business_date(moment) -%}
  date(timestamp({{ moment }}, 'UTC'), '{{ var("business_timezone") }}')
{%- endmacro %}

{% macro spark__business_date(moment) -%}
  cast(from_utc_timestamp({{ moment }}, '{{ var("business_timezone") }}') as date)
{%- endmacro %}

{% macro trino__business_date(moment) -%}
  cast(at_timezone(with_timezone({{ moment }}, 'UTC'), '{{ var("business_timezone") }}') as date)
{%- endmacro %}

{% macro clickhouse__business_date(moment) -%}
  toDate(toTimeZone({{ moment }}, '{{ var("business_timezone") }}'))
{%- endmacro %}
