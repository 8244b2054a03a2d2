select person_id, email, phone
from {{ ref('persons') }}
where is_base
  and ads_consent
  and coalesce(email, phone) is not null
