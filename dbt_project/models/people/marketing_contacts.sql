with contacts as (
  select
    person_id,
    case when email_consent then email end as email,
    case when sms_consent then phone end as phone,
    case when push_consent then person_id end as push_id
  from {{ ref('persons') }}
  where is_base
)

select person_id, email, phone, push_id
from contacts
where coalesce(email, phone) is not null
