{#
  What measuring needs: what was recorded, and what each audience declares.
#}

{# A table of schema `activation`, or nothing in its shape as long as no sync has made it. #}
{% macro recorded(name) -%}
  {%- set relation = source('activation', name) -%}
  {%- set declared = (graph.sources.values() | selectattr('source_name', 'equalto', 'activation')
    | selectattr('name', 'equalto', name) | first) if execute else {'columns': {}} -%}
  {%- set there = execute and load_relation(relation) is not none -%}
select
  {%- for column in declared.columns.values() %}
  cast({{ column.name if there else 'null' }} as {{ column.data_type }}) as {{ column.name }}{{ ',' if not loop.last }}
  {%- else %}
  1 as nothing
  {%- endfor %}
{% if there -%} from {{ relation }} {%- else -%} where false {%- endif %}
{%- endmacro %}

{# Whether a sync keeps those held out, for campaigns to exclude: nobody is reached by it. #}
{% macro is_exclusion(sync_id) -%}
  ({{ sync_id }} like '%!_!_held!_out' escape '!')
{%- endmacro %}

{# One row an audience: its goal, the time in which it counts, and the share held out; all of the graph. #}
{% macro declared_goals() -%}
  {%- set found = [] -%}
  {%- for node in (graph.nodes.values() if execute else []) | sort(attribute='name') -%}
    {%- set block = (node.config.meta or {}).get('audience') if node.resource_type == 'model' else none -%}
    {%- if block and block.goal %}{% do found.append((node.name, block)) %}{% endif -%}
  {%- endfor -%}
  {%- for name, block in found %}
select
  '{{ name }}' as audience,
  '{{ block.goal.event or block.goal.model }}' as goal,
  cast({{ seconds_of(block.goal.within) }} as bigint) as within_seconds,
  cast({{ (block.holdout or 0) | string | replace('%', '') | float / (100 if '%' in block.holdout | string else 1) }}
    as double precision) as holdout
{{ 'union all' if not loop.last }}
  {%- else %}
select
  cast(null as varchar) as audience,
  cast(null as varchar) as goal,
  cast(null as bigint) as within_seconds,
  cast(null as double precision) as holdout
where false
  {%- endfor %}
{%- endmacro %}

{# One row a message of a sync, and one a follow-up of it; all of the graph. #}
{% macro declared_messages() -%}
  {%- set found = [] -%}
  {%- for node in (graph.nodes.values() if execute else []) | sort(attribute='name') -%}
    {%- set block = (node.config.meta or {}).get('audience') if node.resource_type == 'model' else none -%}
    {%- for sync in (block.syncs or []) if sync.trigger %}
      {%- do found.append((node.name, sync.to, sync.trigger.event, none)) -%}
      {%- for step in (block.messages or {}).get('steps') or [] %}
        {%- do found.append((node.name, sync.to, step.event, step.event)) -%}
      {%- endfor -%}
    {%- endfor -%}
  {%- endfor -%}
  {%- for audience, connection, event, step in found %}
select
  '{{ audience }}' as audience,
  '{{ audience }}__{{ connection }}' as sync_id,
  '{{ event }}' as event,
  cast({{ "'" ~ step ~ "'" if step else 'null' }} as varchar) as step
{{ 'union all' if not loop.last }}
  {%- else %}
select
  cast(null as varchar) as audience,
  cast(null as varchar) as sync_id,
  cast(null as varchar) as event,
  cast(null as varchar) as step
where false
  {%- endfor %}
{%- endmacro %}

{# `90m`, `48h`, `14d` or `2w` in seconds. #}
{% macro seconds_of(duration) -%}
  {%- set text = duration | string -%}
  {{ return((text[:-1] | int) * {'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}[text[-1]]) }}
{%- endmacro %}

{# A moment so many seconds later; `seconds` may be a column or an expression. #}
{% macro later(moment, seconds) -%}
  {{ dbt.dateadd('second', seconds, moment) }}
{%- endmacro %}
