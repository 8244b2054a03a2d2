{# What is said of every row is true of it; unknown is not true. #}
{% test holds(model, that) %}
select *
from {{ model }}
where not coalesce({{ that }}, false)
{% endtest %}
