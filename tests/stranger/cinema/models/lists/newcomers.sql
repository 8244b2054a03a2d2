select
    members.member_no,
    lower(trim(members.mail)) as mail,
    members.name,
    members.born,
    cast(spending.spent as decimal(9, 2)) as spent,
    spending.last_visit,
    spending.spent > 12 as dear
from {{ ref('members') }} as members
inner join {{ ref('spending') }} as spending on spending.member_no = members.member_no
where spending.visits = 1
