with recharging as (
  select account_id
  from {{ ref('account_notes') }}
  where flag = 'auto_recharge'
),

judged as (
  select
    grants.account_id,
    grants.grant_id,
    grants.remaining,
    grants.granted,
    case when recharging.account_id is not null then 'auto_recharge' end as excluded
  from {{ ref('account_grants') }} as grants
  inner join {{ ref('accounts') }} as accounts using (account_id)
  left join recharging using (account_id)
  where accounts.is_base
    and (grants.remaining < {{ var('credit_low_days') }} * grants.burnt_daily
      or grants.remaining < {{ var('credit_low_share') }} * grants.granted)
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
