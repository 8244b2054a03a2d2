with delivered as (
  select
    person_orders.person_id,
    orders.order_id,
    orders.delivered_at
  from {{ ref('stg_orders') }} as orders
  inner join {{ ref('person_orders') }} as person_orders using (order_id)
  where orders.delivered_at >= {{ as_of(days=var('review_max_days')) }}
    and orders.delivered_at < {{ as_of(days=var('review_min_days')) }}
    and not person_orders.is_fully_refunded
),

kept as (
  select lines.order_id
  from {{ ref('person_order_lines') }} as lines
  left join {{ ref('person_returns') }} as returns using (order_id, product_id)
  left join {{ ref('person_reviews') }} as reviews
    on reviews.person_id = lines.person_id
    and reviews.product_id = lines.product_id
  where returns.return_id is null
    and reviews.review_id is null
),

troubled as (
  select person_id
  from {{ ref('person_tickets') }}
  where closed_at is null
    or {{ within('opened_at', days=var('review_quiet_days')) }}
  union
  select person_id
  from {{ ref('person_returns') }}
  where closed_at is null
    or {{ within('requested_at', days=var('review_quiet_days')) }}
),

unhappy as (
  select person_refs.person_id
  from {{ ref('stg_survey_answers') }} as answers
  inner join {{ ref('person_refs') }} as person_refs using (person_ref)
  where answers.score <= {{ var('review_low_score') }}
    and {{ within('answers.answered_at', days=var('review_score_days')) }}
),

asked as (
  select person_id
  from {{ ref('person_messages') }}
  where campaign = 'review_request'
    and {{ within('sent_at', days=var('review_mail_days')) }}
),

judged as (
  select
    delivered.person_id,
    delivered.order_id,
    delivered.delivered_at,
    case
      when troubled.person_id is not null then 'ticket_or_return'
      when unhappy.person_id is not null then 'low_score'
      when asked.person_id is not null then 'mailed_lately'
    end as excluded
  from delivered
  inner join kept using (order_id)
  left join troubled using (person_id)
  left join unhappy using (person_id)
  left join asked using (person_id)
),

chosen as (
  select
    *,
    row_number() over (partition by person_id order by delivered_at desc, order_id) as choice
  from judged
  where excluded is null
)

select
  contacts.person_id,
  contacts.email,
  contacts.phone,
  chosen.order_id,
  chosen.delivered_at
from chosen
inner join {{ ref('marketing_contacts') }} as contacts using (person_id)
where chosen.choice = 1
