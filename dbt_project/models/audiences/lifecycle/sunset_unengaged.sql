with mailed as (
  select person_id, count(*) as mails
  from {{ ref('person_messages') }}
  where channel = 'email'
    and message_class = 'marketing'
    and {{ within('delivered_at', days=var('sunset_days')) }}
  group by person_id
),

alive as (
  -- Of any mail, however old it was when it was read at last; machines that open mails are no readers.
  select person_id
  from {{ ref('person_messages') }}
  where channel = 'email'
    and ({{ within('opened_at', days=var('sunset_days')) }} or {{ within('clicked_at', days=var('sunset_days')) }})
  union
  select person_id
  from {{ ref('person_events') }}
  where {{ within('occurred_at', days=var('sunset_days')) }}
  union
  select person_id
  from {{ ref('person_orders') }}
  where {{ within('paid_at', days=var('sunset_days')) }}
)

select
  persons.person_id,
  persons.email,
  persons.phone,
  cast(mailed.mails as integer) as mails
from mailed
inner join {{ ref('persons') }} as persons using (person_id)
left join alive using (person_id)
where persons.is_base
  and persons.email is not null
  and mailed.mails >= {{ var('sunset_min_mails') }}
  and alive.person_id is null
