with purchase_days as (
    select distinct person_id, product_id, happened_on
    from {{ ref('stg_lines') }}
    where kind = 'purchase' and is_product
),

gaps as (
    select
        person_id,
        product_id,
        happened_on,
        happened_on - lag(happened_on) over (partition by person_id, product_id order by happened_on) as gap
    from purchase_days
),

rhythms as (
    select person_id, product_id, median(gap) as usual_gap, {{ days_ago('max(happened_on)') }} as days_since_last
    from gaps
    group by person_id, product_id
    having count(*) >= 3
)

select person_id, person_id || '@example.com' as email, cast(count(*) as integer) as products_due
from rhythms
where usual_gap between 7 and 120 and days_since_last between usual_gap and 1.5 * usual_gap
group by person_id
