select
    guest_no,
    mail as "E-Mail",
    phone,
    name as "Full Name",
    visits
from {{ source('till', 'guests') }}
where visits >= 3
