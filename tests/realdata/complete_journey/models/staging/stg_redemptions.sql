select
    cast(household_id as varchar) as person_id,
    campaign_id,
    cast(redemption_date as date) as redeemed_on
from {{ source('raw_cj', 'coupon_redemptions') }}
where {{ is_known('_event_date') }}
