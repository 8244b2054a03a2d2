select person_id, email from {{ ref('visits') }} join {{ ref('persons') }} using (person_id)
