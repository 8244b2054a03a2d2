with seats as (
  select account_id, count(distinct person_id) as active_seats
  from {{ ref('member_activity') }}
  where {{ within('occurred_at', days=var('renewal_activity_days')) }}
  group by account_id
),

usage as (
  select
    account_id,
    sum(case when day >= {{ business_day(var('renewal_activity_days')) }} then qty else 0 end)
      / {{ var('renewal_activity_days') }} as recent_daily,
    percentile_cont(0.5) within group (order by qty) as usual_daily
  from {{ ref('stg_usage_daily') }}
  where metric = '{{ var("usage_metric") }}'
    and day >= {{ business_day(var('renewal_usual_days')) }}
    and day < {{ business_day() }}
  group by account_id
),

signed as (
  select account_id
  from {{ ref('stg_opportunities') }}
  where kind = 'renewal'
    and status = 'won'
    and {{ within('closed_at', days=var('renewal_signed_days')) }}
),

judged as (
  select
    subscriptions.account_id,
    subscriptions.renews_at,
    coalesce(seats.active_seats, 0) as active_seats,
    subscriptions.seats,
    case
      when subscriptions.term_months > 12 then 'multi_year'
      when signed.account_id is not null then 'already_signed'
    end as excluded
  from {{ ref('stg_subscriptions') }} as subscriptions
  inner join {{ ref('accounts') }} as accounts using (account_id)
  left join seats using (account_id)
  left join usage using (account_id)
  left join signed using (account_id)
  where accounts.is_base
    and subscriptions.status = 'active'
    and subscriptions.cancelled_at is null
    and subscriptions.renews_at >= {{ as_of() }}
    and subscriptions.renews_at < {{ as_of(days=-var('renewal_days')) }}
    and (coalesce(seats.active_seats, 0) < {{ var('renewal_seat_share') }} * subscriptions.seats
      or usage.recent_daily < {{ var('renewal_usage_share') }} * usage.usual_daily)
),

renewing as (
  select *
  from judged
  where excluded is null
),

members as (
  select
    members.person_id,
    renewing.*,
    row_number() over (partition by members.person_id order by renewing.renews_at, renewing.account_id) as choice
  from renewing
  inner join {{ ref('account_members') }} as members using (account_id)
  where members.role = 'owner'
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  members.account_id,
  members.renews_at,
  cast(members.active_seats as integer) as active_seats,
  cast(members.seats as integer) as paid_seats
from members
inner join {{ ref('service_contacts') }} as contacts using (person_id)
where members.choice = 1
