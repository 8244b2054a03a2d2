with refunds as (
    select person_id, -sum(amount) as refunded
    from {{ ref('stg_lines') }}
    where kind = 'refund' and is_product and {{ within_last_days('happened_on', 30) }}
    group by person_id
)

select person_id, person_id || '@example.com' as email, cast(refunded as decimal(18, 3)) as refunded
from refunds
where refunded >= 20.00
