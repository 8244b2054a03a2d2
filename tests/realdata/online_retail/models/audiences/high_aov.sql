with buyers as (
    select person_id, count(distinct invoice_id) as purchase_invoices, sum(amount) as gross_amount
    from {{ ref('stg_lines') }}
    where kind = 'purchase'
    group by person_id
)

-- Multiplied, not divided: a quotient would leave exact decimal arithmetic.
select
    person_id,
    person_id || '@example.com' as email,
    cast(purchase_invoices as integer) as purchase_invoices,
    cast(gross_amount as decimal(18, 3)) as gross_amount
from buyers
where purchase_invoices >= 2 and gross_amount >= 500.00 * purchase_invoices
