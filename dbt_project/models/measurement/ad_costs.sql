with trial as (
  select
    audience,
    min(assigned_at) as began_at,
    cast(count(case when is_complete then 1 end) as double precision) / nullif(count(*), 0) as share_compared
  from {{ ref('experiments') }}
  where arm = 'sent'
  group by audience
),

spent as (
  select
    spend.audience,
    spend.platform,
    trial.share_compared,
    cast(sum(spend.spend) as decimal(18, 2)) as spend
  from {{ ref('stg_ad_spend') }} as spend
  inner join trial using (audience)
  where spend.day >= cast(trial.began_at as date)
    and spend.day <= cast({{ as_of() }} as date)
  group by spend.audience, spend.platform, trial.share_compared
)

select
  spent.audience,
  spent.platform,
  spent.spend,
  spent.share_compared,
  lifts.incremental as incremental_orders,
  case when lifts.incremental > 0
    then spent.share_compared * cast(sum(spent.spend) over (partition by spent.audience) as double precision)
      / lifts.incremental
  end as cost_per_order
from spent
inner join {{ ref('lifts') }} as lifts on lifts.audience = spent.audience and lifts.metric = 'conversion'
inner join {{ ref('audience_goals') }} as goals
  on goals.audience = spent.audience
  and goals.goal in ('order_paid', 'person_orders')
