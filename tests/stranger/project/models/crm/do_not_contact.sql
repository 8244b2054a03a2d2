select guest_no from {{ source('till', 'guests') }} where refuses
