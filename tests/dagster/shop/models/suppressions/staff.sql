select person_id from {{ ref('visits') }} where person_id = 'nobody'
