with versions as (
  {{ latest_known(ref('raw_refunds'), 'refund_id') }}
)

select
  refund_id,
  order_id,
  amount,
  refunded_at
from versions
where refunded_at < {{ as_of() }}
