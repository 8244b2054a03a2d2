select distinct
    cast(household_id as varchar) as person_id,
    basket_id,
    cast(transaction_timestamp as date) as bought_on
from {{ source('raw_cj', 'transactions') }}
where {{ is_known('_event_date') }}
