with balances as (
  select person_refs.person_id, sum(points.points) as loyalty_points
  from {{ ref('stg_loyalty_points') }} as points
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
  group by person_refs.person_id
)

{%- set tiers = var('loyalty_tiers') | dictsort(by='value') %}

select
  person_id,
  cast(loyalty_points as integer) as loyalty_points,
  case
    {%- for tier, least in tiers | reverse %}
    when loyalty_points >= {{ least }} then '{{ tier }}'
    {%- endfor %}
  end as loyalty_tier,
  case
    {%- for tier, least in tiers %}
    when loyalty_points < {{ least }} then '{{ tier }}'
    {%- endfor %}
  end as next_tier,
  cast(case
    {%- for tier, least in tiers %}
    when loyalty_points < {{ least }} then {{ least }} - loyalty_points
    {%- endfor %}
  end as integer) as points_to_next_tier
from balances
