{#
  One row a key: the version that was the newest at as_of. Serves change feeds and exact duplicates alike.
  (A window in a subquery rather than QUALIFY, which several engines lack.)
#}
{% macro latest_known(relation, key, newest='loaded_at desc') -%}
  select *
  from (
    select
      *,
      row_number() over (partition by {{ key }} order by {{ newest }}) as recency
    from {{ relation }}
    where {{ known() }}
  ) as versions
  where recency = 1
{%- endmacro %}
