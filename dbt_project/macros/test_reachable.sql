{# Every member has an identifier that a channel can use. #}
{% test reachable(model) %}
select person_id
from {{ model }}
where coalesce(email, phone) is null
{% endtest %}
