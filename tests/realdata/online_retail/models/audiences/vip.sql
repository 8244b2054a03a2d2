with last_year as (
    select *
    from {{ ref('stg_lines') }}
    where {{ within_last_days('happened_on', 365) }}
),

totals as (
    select
        person_id,
        count(distinct invoice_id) filter (where kind = 'purchase') as purchase_invoices,
        sum(amount) as net_revenue
    from last_year
    group by person_id
)

select
    person_id,
    person_id || '@example.com' as email,
    cast(purchase_invoices as integer) as purchase_invoices,
    cast(net_revenue as decimal(18, 3)) as net_revenue
from totals
where purchase_invoices >= 5 and net_revenue >= 2000.00
