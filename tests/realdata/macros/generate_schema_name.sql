{# A model's schema is the plain name given to its folder, so the table is audiences.vip and not main_audiences.vip. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
