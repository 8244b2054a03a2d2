with points as (
  select
    person_refs.person_id,
    sum(entries.points) as points
  from {{ ref('stg_loyalty_points') }} as entries
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
  group by person_refs.person_id
),

tiers as (
  {%- for tier, points in var('loyalty_tiers').items() %}
  select '{{ tier }}' as tier, {{ points }} as needed
  {{ 'union all' if not loop.last }}
  {%- endfor %}
),

near as (
  select
    points.person_id,
    points.points,
    tiers.tier,
    tiers.needed
  from points
  inner join tiers
    on points.points < tiers.needed
    and points.points >= {{ var('loyalty_near_share') }} * tiers.needed
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  cast(near.points as integer) as points,
  near.tier as next_tier,
  cast(near.needed - near.points as integer) as points_missing
from near
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
