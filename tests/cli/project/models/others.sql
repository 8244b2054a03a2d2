select person_id, email from {{ ref('people') }} where not fan
