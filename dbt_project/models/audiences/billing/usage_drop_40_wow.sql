with fallen as (
  select
    usage.account_id,
    usage.usage_this_week,
    usage.usage_last_week,
    1 - usage.usage_this_week / usage.usage_last_week as drop_share
  from {{ ref('account_usage') }} as usage
  inner join {{ ref('accounts') }} as accounts using (account_id)
  where accounts.kind = 'b2b'
    and accounts.is_base
    and accounts.has_live_subscription
    and accounts.created_at <= {{ as_of(days=var('usage_drop_min_tenure_days')) }}
    and usage.is_fully_loaded
    and usage.usage_last_week >= {{ var('usage_drop_floor') }}
    and usage.usage_this_week < {{ var('usage_drop_ratio') }} * usage.usage_last_week
    and usage.usage_this_week < {{ var('usage_drop_median_ratio') }} * usage.usage_median_week
),

members as (
  select
    members.person_id,
    fallen.account_id,
    fallen.usage_this_week,
    fallen.usage_last_week,
    fallen.drop_share,
    row_number() over (partition by members.person_id order by fallen.drop_share desc, fallen.account_id) as choice
  from fallen
  inner join {{ ref('account_members') }} as members using (account_id)
  where members.role in ('owner', 'admin')
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  members.account_id,
  cast(members.usage_this_week as decimal(18, 2)) as usage_this_week,
  cast(members.usage_last_week as decimal(18, 2)) as usage_last_week,
  cast(round(100 * members.drop_share, 1) as decimal(18, 1)) as drop_pct
from members
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where members.choice = 1
