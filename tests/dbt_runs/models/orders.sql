select * from {{ ref('raw_orders') }} where person_id not in (select person_id from {{ ref('raw_staff') }})
