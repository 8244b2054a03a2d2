with active as (
    select distinct person_id
    from {{ ref('stg_subscriptions') }}
    where ended_on is null and not is_trial
),

tickets as (
    select
        person_id,
        count(*) filter (where is_pressing) as pressing_tickets,
        count(*) filter (where is_escalated) as escalated_tickets
    from {{ ref('stg_tickets') }}
    where {{ within_last_days('submitted_on', 30) }}
    group by person_id
)

select
    tickets.person_id,
    lower(tickets.person_id) || '@example.com' as email,
    cast(tickets.pressing_tickets as integer) as pressing_tickets,
    cast(tickets.escalated_tickets as integer) as escalated_tickets
from tickets
inner join active on tickets.person_id = active.person_id
where tickets.pressing_tickets >= 2 or tickets.escalated_tickets >= 1
