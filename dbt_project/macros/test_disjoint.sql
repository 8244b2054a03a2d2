{# Nobody is in both audiences. #}
{% test disjoint(model, with) %}
select mine.person_id
from {{ model }} as mine
inner join {{ with }} as theirs using (person_id)
{% endtest %}
