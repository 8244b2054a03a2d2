{# What people told the shop: tickets, stars, scores, and what they sent back. #}
with tickets as (
  select
    person_id,
    count(case when closed_at is null then 1 end) as open_tickets_count,
    count(case when kind = 'complaint' and {{ within('opened_at', days=90) }} then 1 end) as complaints_90d
  from {{ ref('person_tickets') }}
  group by person_id
),

stars as (
  select
    person_id,
    count(*) as reviews_count,
    sum(rating) as stars
  from {{ ref('person_reviews') }}
  group by person_id
),

scores as (
  select
    person_refs.person_id,
    answers.score,
    row_number() over (
      partition by person_refs.person_id order by answers.answered_at desc, answers.answer_id
    ) as recency
  from {{ ref('stg_survey_answers') }} as answers
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
),

sent_back as (
  select person_id, count(distinct order_id) as returned_orders_count
  from {{ ref('person_returns') }}
  group by person_id
)

select
  persons.person_id,
  coalesce(tickets.open_tickets_count, 0) as open_tickets_count,
  coalesce(tickets.complaints_90d, 0) as complaints_90d,
  coalesce(stars.reviews_count, 0) as reviews_count,
  cast(stars.stars / cast(stars.reviews_count as decimal(18, 4)) as decimal(18, 2)) as average_rating,
  scores.score as last_survey_score,
  coalesce(sent_back.returned_orders_count, 0) as returned_orders_count
from {{ ref('persons') }} as persons
left join tickets on tickets.person_id = persons.person_id
left join stars on stars.person_id = persons.person_id
left join scores on scores.person_id = persons.person_id and scores.recency = 1
left join sent_back on sent_back.person_id = persons.person_id
