with weeks as (
    select
        person_id,
        count(*) filter (where {{ days_ago('sent_on') }} between 7 and 13) as messages_before,
        count(*) filter (where {{ days_ago('sent_on') }} between 0 and 6) as messages_now
    from {{ ref('stg_messages') }}
    group by person_id
)

select
    person_id,
    person_id || '@example.com' as email,
    cast(messages_before as integer) as messages_before,
    cast(messages_now as integer) as messages_now
from weeks
where messages_before >= 5 and 5 * messages_now <= 3 * messages_before
