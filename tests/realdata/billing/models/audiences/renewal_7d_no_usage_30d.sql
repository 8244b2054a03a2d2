with active as (
    select
        person_id,
        subscription_id,
        started_on,
        months_per_term,
        datediff('month', started_on, {{ as_of() }}) as months_elapsed
    from {{ ref('stg_subscriptions') }}
    where ended_on is null and not is_trial
),

-- Enough terms to pass D: one more than the calendar months elapsed can hold.
terms as (
    select
        person_id,
        subscription_id,
        started_on,
        months_per_term * unnest(range(1, months_elapsed // months_per_term + 2)) as months
    from active
),

-- Adding all months to the start at once clamps each date by itself; adding them one by one would lose the 31st.
renewals as (
    select person_id, subscription_id, cast(started_on + to_months(cast(months as integer)) as date) as renews_on
    from terms
),

next_renewals as (
    select person_id, subscription_id, min(renews_on) as renews_on
    from renewals
    where renews_on > {{ as_of() }}
    group by person_id, subscription_id
),

used as (
    select distinct subscription_id
    from {{ ref('stg_usage') }}
    where {{ within_last_days('used_on', 30) }}
)

select
    next_renewals.person_id,
    lower(next_renewals.person_id) || '@example.com' as email,
    min(next_renewals.renews_on) as renews_on
from next_renewals
anti join used on next_renewals.subscription_id = used.subscription_id
where next_renewals.renews_on <= {{ as_of() }} + 7
group by next_renewals.person_id
