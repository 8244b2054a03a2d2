{# What people say of the goods and of the shop. #}
{% macro reviews_tables() %}
{% set tables %}
reviews:
  columns: [review_id, person_ref, product_id, rating, created_at]
  key: [review_id]
  happened: created_at
  faults:
    no key: review_id is null
    no person: coalesce(trim(person_ref), '') = ''
    no product: product_id is null
    no moment: created_at is null
    unknown rating: coalesce(rating, 0) not between 1 and 5
survey_answers:
  columns: [answer_id, person_ref, score, answered_at]
  key: [answer_id]
  happened: answered_at
  faults:
    no key: answer_id is null
    no person: coalesce(trim(person_ref), '') = ''
    no moment: answered_at is null
    unknown score: coalesce(score, -1) not between 0 and 10
{% endset %}
{{ return(fromyaml(tables)) }}
{% endmacro %}
