{#
  From a raw table to rows that can be used. What a table looks like, what names a row and what makes one useless stands
  once, as data, in the file of its source beside this one; the staging model and the quarantine model both read it.

    columns    what is taken of it
    key        what names a row
    happened   when the row's fact took place; a later moment than as_of is not yet true
    newest     which version of a key counts: the last loaded, unless it says otherwise
    private    columns that no other table may carry, such as raw addresses of pages
    faults     reason: condition. The first that holds sends the row to quarantine
#}

{# Where a table is read: the example's seed, or what a loader writes, with the var `raw_from: sources`. #}
{% macro raw(source_name, table) -%}
  {%- if var('raw_from') == 'sources' -%}{{ return(source(source_name, table)) }}{%- endif -%}
  {{ return(ref('raw_' ~ table)) }}
{%- endmacro %}

{# What is said about the tables of a source: shop → shop_tables(). #}
{% macro landing(source_name) -%}
  {{ return(context[source_name ~ '_tables']()) }}
{%- endmacro %}

{# Why a row cannot be used, NULL when it can. #}
{% macro fault(rules) -%}
  case
    when loaded_at is null then 'no moment of loading'
    {%- for reason, condition in rules.faults.items() %}
    when {{ condition }} then '{{ reason }}'
    {%- endfor %}
  end
{%- endmacro %}

{#
  Every row known at as_of with its fate: staged, superseded (a repeated row or an older version), early (has not happened
  yet) or quarantined. The order is total, so rows may come in any order.
#}
{% macro fates(source_name, table) -%}
{%- set rules = landing(source_name)[table] -%}
{%- set early = 'coalesce(' ~ rules.happened ~ ' >= ' ~ as_of() ~ ', false)' if rules.happened else 'false' -%}
(
  select
    *,
    case
      when fault is not null then 'quarantined'
      when is_early then 'early'
      when recency > 1 then 'superseded'
      else 'staged'
    end as fate
  from (
    select
      *,
      row_number() over (
        partition by {{ rules.key | join(', ') }}, fault, is_early
        order by {{ rules.newest or 'loaded_at desc' }}, {{ rules.columns | join(', ') }}
      ) as recency
    from (
      select
        {{ rules.columns | join(', ') }},
        loaded_at,
        {{ early }} as is_early,
        {{ fault(rules) }} as fault
      from {{ raw(source_name, table) }}
      where {{ known() }} or loaded_at is null
    ) as judged
  ) as ranked
)
{%- endmacro %}

{# The rows of a table that can be used, one a key, under the table's name or another one. #}
{% macro landed(source_name, table, name=none) -%}
(
  select * from {{ fates(source_name, table) }} as fates where fate = 'staged'
) as {{ name or table }}
{%- endmacro %}

{# The rows of a source that cannot be used, and why. Raw addresses stay where they are. #}
{% macro quarantined(source_name) -%}
  {%- for table, rules in landing(source_name).items() %}
select
  '{{ table }}' as table_name,
  {{ as_text(rules.key) }} as row_key,
  fault as reason,
  {{ as_text(rules.columns | reject("in", rules.private or []) | list, names=true) }} as content,
  loaded_at
from {{ fates(source_name, table) }} as {{ table }}
where fate = 'quarantined'
{{ 'union all' if not loop.last }}
  {%- endfor %}
{%- endmacro %}

{# What became of the rows of a source: one row a table. #}
{% macro counted(source_name) -%}
  {%- for table in landing(source_name) %}
select
  '{{ source_name }}' as source_name,
  '{{ table }}' as table_name,
  count(*) as rows_known,
  count(case when fate = 'staged' then 1 end) as rows_staged,
  count(case when fate = 'superseded' then 1 end) as rows_superseded,
  count(case when fate = 'early' then 1 end) as rows_early,
  count(case when fate = 'quarantined' then 1 end) as rows_quarantined
from {{ fates(source_name, table) }} as {{ table }}
{{ 'union all' if not loop.last }}
  {%- endfor %}
{%- endmacro %}

{# Columns in one text, for people who look for a row; not a key of anything. #}
{% macro as_text(columns, names=false) -%}
  {%- for column in columns -%}
  {{ "'" ~ column ~ "=' || " if names }}coalesce(cast({{ column }} as varchar), '')
  {%- if not loop.last %} || ' ' || {% endif -%}
  {%- endfor -%}
{%- endmacro %}
