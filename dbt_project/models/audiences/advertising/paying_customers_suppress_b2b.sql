with paying as (
  select accounts.account_id, accounts.domain
  from {{ ref('stg_subscriptions') }} as subscriptions
  inner join {{ ref('stg_accounts') }} as accounts using (account_id)
  where accounts.kind = 'b2b'
    and (subscriptions.status in ('active', 'past_due')
      or (subscriptions.status = 'cancelled'
        and {{ within('subscriptions.cancelled_at', days=var('churn_grace_days')) }}))
),

spared as (
  select members.person_id
  from {{ ref('account_members') }} as members
  inner join paying using (account_id)
  union
  select persons.person_id
  from {{ ref('persons') }} as persons
  inner join paying on paying.domain = substr(persons.email, position('@' in persons.email) + 1)
)

select
  persons.person_id,
  persons.email,
  persons.phone
from spared
inner join {{ ref('persons') }} as persons using (person_id)
where persons.is_base
  and coalesce(persons.email, persons.phone) is not null
