select
  subscription_id,
  account_id,
  plan,
  status,
  mrr,
  lag(mrr) over (partition by subscription_id order by changed_at) as mrr_before,
  changed_at
from (
  select
    *,
    row_number() over (
      partition by subscription_id, changed_at order by loaded_at desc, status, mrr, plan
    ) as version
  from {{ fates('billing', 'subscriptions') }} as fates
  where fate in ('staged', 'superseded')
) as versions
where version = 1
