with overdue as (
    select person_id, count(*) as overdue_invoices, min(due_on) as oldest_due_on
    from {{ ref('stg_invoices') }}
    where due_on < {{ as_of() }} and settled_on is null
    group by person_id
),

active as (
    select distinct person_id
    from {{ ref('stg_invoices') }}
    where {{ within_last_days('issued_on', 30) }}
)

select overdue.person_id, cast(overdue.overdue_invoices as integer) as overdue_invoices, overdue.oldest_due_on
from overdue
inner join active on overdue.person_id = active.person_id
