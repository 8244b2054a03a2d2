{#
  `dbt source freshness` asks how old a source was at as_of, not by a clock, so that a replayed day is judged as it was.
#}
{% macro default__collect_freshness(source, loaded_at_field, filter) %}
  {% call statement('collect_freshness', fetch_result=True, auto_begin=False) -%}
    select max({{ loaded_at_field }}) as max_loaded_at, {{ as_of() }} as snapshotted_at
    from {{ source }}
    where {{ loaded_at_field }} < {{ as_of() }}
    {%- if filter %} and ({{ filter }}){% endif %}
  {%- endcall %}
  {{ return(load_result('collect_freshness')) }}
{% endmacro %}
