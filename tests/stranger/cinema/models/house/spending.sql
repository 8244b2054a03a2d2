select
    member_no,
    count(*) as visits,
    sum(paid) as spent,
    max(bought_at) as last_visit
from {{ ref('tickets') }}
group by member_no
