{# A folder's schema is its plain name (`audiences`, not `main_audiences`): BI, the README and the ledger name tables by it. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ custom_schema_name or target.schema }}
{%- endmacro %}
