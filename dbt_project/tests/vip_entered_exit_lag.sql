-- Leaving the list of the best takes as many days below it as `vip_exit_days` says, and not one more: nobody is still in
-- who was not on it in those days, and nobody is missing who entered today.
select members.person_id
from {{ ref('vip_entered') }} as members
left join {{ ref('vip_days') }} as days
  on days.person_id = members.person_id
  and days.days_ago < {{ var('vip_exit_days') }}
where days.person_id is null
union all
select days.person_id
from {{ ref('vip_days') }} as days
inner join {{ ref('advertising_contacts') }} using (person_id)
left join {{ ref('vip_entered') }} as members using (person_id)
where days.days_ago = 0
  and days.is_entry
  and members.person_id is null
