with finished as (
  select
    account_id,
    cost,
    row_number() over (partition by account_id order by period_start desc) as recency
  from {{ ref('stg_period_costs') }}
  where is_final
),

usual as (
  select
    account_id,
    count(*) as periods,
    avg(cost) as cost
  from finished
  where recency <= {{ var('spike_periods') }}
  group by account_id
),

running as (
  select
    account_id,
    period_start,
    cost * {{ dbt.datediff('period_start', 'period_end', 'hour') }}
      / {{ dbt.datediff('period_start', 'measured_at', 'hour') }} as projected_cost
  from {{ ref('stg_period_costs') }}
  where not is_final
    and period_end > {{ as_of() }}
    -- The first day says little of a month.
    and measured_at >= {{ dbt.dateadd('day', var('spike_min_days'), 'period_start') }}
),

planned as (
  select account_id
  from {{ ref('account_notes') }}
  where flag = 'planned_launch'
),

judged as (
  select
    running.account_id,
    running.period_start,
    running.projected_cost,
    usual.cost as usual_cost,
    case
      when planned.account_id is not null then 'planned_launch'
      when usual.periods < {{ var('spike_min_periods') }} then 'new_account'
    end as excluded
  from running
  inner join usual using (account_id)
  inner join {{ ref('accounts') }} as accounts using (account_id)
  left join planned using (account_id)
  where accounts.is_base
    and running.projected_cost > {{ var('spike_ratio') }} * usual.cost
    and running.projected_cost > usual.cost + {{ var('spike_min_rise') }}
),

rising as (
  select *
  from judged
  where excluded is null
),

members as (
  select
    members.person_id,
    rising.*,
    row_number() over (partition by members.person_id order by rising.projected_cost desc, rising.account_id) as choice
  from rising
  inner join {{ ref('account_members') }} as members using (account_id)
  where members.role in ('owner', 'admin')
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  members.account_id,
  members.period_start,
  cast(round(members.projected_cost, 2) as decimal(18, 2)) as projected_cost,
  cast(round(members.usual_cost, 2) as decimal(18, 2)) as usual_cost
from members
inner join {{ ref('service_contacts') }} as contacts using (person_id)
where members.choice = 1
