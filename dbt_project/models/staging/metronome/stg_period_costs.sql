with costs as (
  select
    customer_id,
    start_timestamp,
    end_timestamp,
    total,
    snapshot_time as measured_at,
    0 as is_final
  from {{ landed('metronome', 'metronome_draft_invoice', 'drafts') }}
  union all
  select
    customer_id,
    start_timestamp,
    end_timestamp,
    case status when 'VOID' then 0 else total end as total,
    issued_at as measured_at,
    1 as is_final
  from {{ landed('metronome', 'metronome_invoice', 'invoices') }}
),

ranked as (
  select
    *,
    row_number() over (
      partition by customer_id, start_timestamp
      order by is_final desc, measured_at desc, total
    ) as recency
  from costs
)

select
  customers.account_id,
  ranked.start_timestamp as period_start,
  ranked.end_timestamp as period_end,
  cast(ranked.total as decimal(18, 2)) as cost,
  ranked.is_final = 1 as is_final,
  ranked.measured_at
from ranked
inner join {{ ref('stg_billing_customers') }} as customers using (customer_id)
where ranked.recency = 1
