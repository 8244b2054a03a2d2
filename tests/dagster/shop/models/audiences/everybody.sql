select person_id, email from {{ ref('persons') }}
