select guest_no, mail, first_visit from {{ source('till', 'guests') }} where visits = 1
