with unused as (
    select exposures.person_id, count(distinct exposures.campaign_id) as open_campaigns
    from {{ ref('stg_exposures') }} as exposures
    anti join {{ ref('stg_redemptions') }} as redemptions
        on exposures.person_id = redemptions.person_id and exposures.campaign_id = redemptions.campaign_id
    where {{ as_of() }} between exposures.started_on and exposures.ends_on
    group by exposures.person_id
),

active as (
    select distinct person_id
    from {{ ref('stg_baskets') }}
    where {{ within_last_days('bought_on', 30) }}
)

select
    unused.person_id,
    unused.person_id || '@example.com' as email,
    cast(unused.open_campaigns as integer) as open_campaigns
from unused
inner join active on unused.person_id = active.person_id
