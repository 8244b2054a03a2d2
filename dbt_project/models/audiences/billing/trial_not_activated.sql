with trials as (
  select
    subscriptions.account_id,
    subscriptions.started_at,
    count(case when events.name = '{{ var("activation_event") }}' then 1 end) as activations,
    count(case when events.name = 'signed_in' then 1 end) as sign_ins
  from {{ ref('stg_subscriptions') }} as subscriptions
  inner join {{ ref('accounts') }} as accounts using (account_id)
  inner join {{ ref('stg_product_events') }} as events
    on events.account_id = subscriptions.account_id
    and events.occurred_at >= subscriptions.started_at
  where subscriptions.status = 'trialing'
    and accounts.is_base
    and {{ days_ago(business_date('subscriptions.started_at')) }}
      between {{ var('trial_min_days') }} and {{ var('trial_max_days') }}
  group by subscriptions.account_id, subscriptions.started_at
),

sales_led as (
  select account_id
  from {{ ref('stg_opportunities') }}
  where status = 'open'
    and stage >= {{ var('sales_led_stage') }}
),

judged as (
  select
    trials.account_id,
    trials.started_at,
    case when sales_led.account_id is not null then 'sales_led' end as excluded
  from trials
  left join sales_led using (account_id)
  where trials.activations = 0
    and trials.sign_ins >= 1
),

kept as (
  select account_id, started_at
  from judged
  where excluded is null
),

members as (
  select
    members.person_id,
    kept.*,
    row_number() over (partition by members.person_id order by kept.started_at desc, kept.account_id) as choice
  from kept
  inner join {{ ref('account_members') }} as members using (account_id)
  where members.role = 'owner'
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  members.account_id,
  members.started_at as trial_started_at
from members
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where members.choice = 1
