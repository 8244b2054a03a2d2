with baskets as (
    select
        person_id,
        count(distinct basket_id) filter (where {{ days_ago('bought_on') }} between 28 and 55) as baskets_before,
        count(distinct basket_id) filter (where {{ days_ago('bought_on') }} between 0 and 27) as baskets_now
    from {{ ref('stg_baskets') }}
    group by person_id
)

select
    person_id,
    person_id || '@example.com' as email,
    cast(baskets_before as integer) as baskets_before,
    cast(baskets_now as integer) as baskets_now
from baskets
where baskets_before >= 5 and 5 * baskets_now <= 3 * baskets_before
