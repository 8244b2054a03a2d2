select
  answer_id,
  person_ref,
  score,
  answered_at
from {{ landed('reviews', 'survey_answers') }}
