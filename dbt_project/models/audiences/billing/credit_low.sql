with measured as (
  select
    *,
    lag(remaining) over (partition by grant_id order by measured_at) as remaining_before,
    row_number() over (partition by grant_id order by measured_at desc) as recency
  from {{ ref('stg_credit_balances') }}
  where kind <> 'POSTPAID'
),

paces as (
  select
    grant_id,
    sum(greatest(remaining_before - remaining, 0)) / {{ var('credit_pace_days') }} as daily
  from measured
  where {{ within('measured_at', days=var('credit_pace_days')) }}
  group by grant_id
),

recharging as (
  select account_id
  from {{ ref('account_notes') }}
  where flag = 'auto_recharge'
),

judged as (
  select
    measured.account_id,
    measured.grant_id,
    measured.remaining,
    measured.granted,
    case when recharging.account_id is not null then 'auto_recharge' end as excluded
  from measured
  inner join {{ ref('accounts') }} as accounts using (account_id)
  left join paces using (grant_id)
  left join recharging using (account_id)
  where accounts.is_base
    and measured.recency = 1
    and (measured.remaining < {{ var('credit_low_days') }} * paces.daily
      or measured.remaining < {{ var('credit_low_share') }} * measured.granted)
),

members as (
  select
    payers.person_id,
    judged.account_id,
    judged.grant_id,
    judged.remaining,
    judged.granted,
    row_number() over (partition by payers.person_id order by judged.remaining, judged.grant_id) as choice
  from judged
  inner join {{ ref('account_payers') }} as payers using (account_id)
  where judged.excluded is null
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  members.account_id,
  members.grant_id,
  members.remaining,
  members.granted
from members
inner join {{ ref('service_contacts') }} as contacts using (person_id)
where members.choice = 1
