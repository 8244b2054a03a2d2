with good as (
  select distinct person_id
  from {{ ref('vip_days') }}
  where is_entry
),

troubled as (
  select person_id
  from {{ ref('person_tickets') }}
  where closed_at is null
),

judged as (
  select
    good.person_id,
    {{ days_ago(business_date('purchases.last_paid_at')) }} as days_since,
    rhythm.median_gap_days,
    -- Support speaks to them first.
    case when troubled.person_id is not null then 'open_ticket' end as excluded
  from good
  inner join {{ ref('person_rhythm') }} as rhythm using (person_id)
  inner join {{ ref('person_purchases') }} as purchases using (person_id)
  left join troubled using (person_id)
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  cast(judged.days_since as integer) as days_since_last_order,
  cast(round(judged.median_gap_days) as integer) as own_gap_days
from judged
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where judged.excluded is null
  and judged.days_since > {{ var('vip_risk_gap_factor') }} * judged.median_gap_days
