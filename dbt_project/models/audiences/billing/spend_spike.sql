with planned as (
  select account_id
  from {{ ref('account_notes') }}
  where flag = 'planned_launch'
),

judged as (
  select
    costs.account_id,
    costs.period_start,
    costs.cost_projected as projected_cost,
    costs.cost_usual as usual_cost,
    case
      when planned.account_id is not null then 'planned_launch'
      when costs.past_periods_count < {{ var('spike_min_periods') }} then 'new_account'
    end as excluded
  from {{ ref('account_costs') }} as costs
  inner join {{ ref('accounts') }} as accounts using (account_id)
  left join planned using (account_id)
  where accounts.is_base
    -- The first days say little of a month.
    and costs.measured_at >= {{ dbt.dateadd('day', var('spike_min_days'), 'costs.period_start') }}
    and costs.cost_projected > {{ var('spike_ratio') }} * costs.cost_usual
    and costs.cost_projected > costs.cost_usual + {{ var('spike_min_rise') }}
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
  members.projected_cost,
  members.usual_cost
from members
inner join {{ ref('service_contacts') }} as contacts using (person_id)
where members.choice = 1
