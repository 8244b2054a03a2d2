select
    account_id as person_id,
    subscription_id,
    start_date as started_on,
    case when {{ is_known('end_date') }} then end_date end as ended_on,
    is_trial = 'True' as is_trial,
    case billing_frequency when 'monthly' then 1 when 'annual' then 12 end as months_per_term
from {{ source('raw_ravenstack', 'subscriptions') }}
where {{ is_known('_event_date') }}
