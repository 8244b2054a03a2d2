select person_id from {{ ref('persons') }} where spared
