{# An e-mail only of people who allowed mail, a phone only of people who allowed messages to it. #}
{% test consented(model) %}
select members.person_id
from {{ model }} as members
inner join {{ ref('persons') }} as persons using (person_id)
where (members.email is not null and not persons.email_consent)
  or (members.phone is not null and not persons.sms_consent)
{% endtest %}
