with deeds as (
  select
    account_id,
    count(distinct person_id) as active_seats,
    count(case when name = 'premium_feature_attempted' then 1 end) as premium_attempts
  from {{ ref('member_activity') }}
  where {{ within('occurred_at', days=var('pql_activity_days')) }}
  group by account_id
),

in_talks as (
  select account_id
  from {{ ref('stg_opportunities') }}
  where kind = 'expansion'
    and status = 'open'
),

severe as (
  select account_id
  from {{ ref('stg_tickets') }}
  where severity = 1
    and closed_at is null
),

judged as (
  select
    subscriptions.account_id,
    subscriptions.seats,
    deeds.active_seats,
    deeds.premium_attempts,
    case
      when in_talks.account_id is not null then 'open_opportunity'
      when failed.account_id is not null then 'failed_payment'
      when severe.account_id is not null then 'severe_ticket'
    end as excluded
  from {{ ref('stg_subscriptions') }} as subscriptions
  inner join {{ ref('accounts') }} as accounts using (account_id)
  inner join deeds using (account_id)
  inner join {{ ref('account_trends') }} as trends using (account_id)
  left join in_talks using (account_id)
  left join {{ ref('failed_invoices') }} as failed using (account_id)
  left join severe using (account_id)
  where accounts.is_base
    and subscriptions.status = 'active'
    and deeds.active_seats >= {{ var('pql_seat_share') }} * subscriptions.seats
    and deeds.premium_attempts >= {{ var('pql_min_attempts') }}
    and trends.usage_slope > 0
),

ready as (
  select *
  from judged
  where excluded is null
),

members as (
  select
    members.person_id,
    ready.*,
    row_number() over (partition by members.person_id order by ready.active_seats desc, ready.account_id) as choice
  from ready
  inner join {{ ref('account_members') }} as members using (account_id)
  where members.role in ('owner', 'admin')
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  members.account_id,
  cast(members.active_seats as integer) as active_seats,
  cast(members.seats as integer) as paid_seats,
  cast(members.premium_attempts as integer) as premium_attempts
from members
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where members.choice = 1
