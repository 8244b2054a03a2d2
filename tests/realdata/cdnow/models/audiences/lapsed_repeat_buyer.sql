with buyers as (
    select person_id, count(distinct bought_on) as purchase_days, max(bought_on) as last_purchase_on
    from {{ ref('stg_purchases') }}
    group by person_id
)

select person_id, person_id || '@example.com' as email, last_purchase_on
from buyers
where purchase_days >= 2 and {{ days_ago('last_purchase_on') }} between 60 and 180
