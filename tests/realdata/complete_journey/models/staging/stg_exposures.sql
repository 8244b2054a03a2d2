with started as (
    select campaign_id, cast(start_date as date) as started_on, cast(end_date as date) as ends_on
    from {{ source('raw_cj', 'campaign_descriptions') }}
)

select
    cast(exposed.household_id as varchar) as person_id,
    exposed.campaign_id,
    started.started_on,
    started.ends_on
from {{ source('raw_cj', 'campaigns') }} as exposed
inner join started on exposed.campaign_id = started.campaign_id
where {{ is_known('started.started_on') }}
