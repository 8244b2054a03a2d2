with buyers as (
    select person_id, count(distinct invoice_id) as purchase_invoices, max(happened_on) as purchased_on
    from {{ ref('stg_lines') }}
    where kind = 'purchase'
    group by person_id
)

select person_id, person_id || '@example.com' as email, purchased_on
from buyers
where purchase_invoices = 1 and {{ days_ago('purchased_on') }} between 30 and 90
