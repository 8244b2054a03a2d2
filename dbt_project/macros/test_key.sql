{# One row a key, and none without: `unique` and `not_null` in one query, because a build runs it for every model. #}
{% test key(model, column_name) %}
select {{ column_name }}
from {{ model }}
group by {{ column_name }}
having count(*) > 1 or {{ column_name }} is null
{% endtest %}
