with last_purchases as (
    select person_id, max(happened_on) as last_purchase_on
    from {{ ref('stg_lines') }}
    where kind = 'purchase'
    group by person_id
)

select person_id, person_id || '@example.com' as email, last_purchase_on
from last_purchases
where {{ days_ago('last_purchase_on') }} between 45 and 120
