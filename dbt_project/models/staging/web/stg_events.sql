with versions as (
  {{ latest_known(ref('raw_events'), 'event_id', 'loaded_at, user_id') }}
),

digits as (
  select
    *,
    -- '17.0' is what a spreadsheet makes of 17, the number of c_00017.
    case
      when user_id like '%.0' then substr(user_id, 1, length(user_id) - 2)
      else user_id
    end as user_number
  from versions
  where occurred_at < {{ as_of() }}
)

select
  event_id,
  anonymous_id,
  case
    when user_number <> '' and translate(user_number, '0123456789', '') = ''
      then 'c_' || substr('00000', length(user_number) + 1) || user_number
    else user_id
  end as person_ref,
  name,
  occurred_at,
  session_id,
  cart_id,
  product_id,
  coalesce(qty, 1) as qty,
  value,
  -- The query of an address may carry a person's token, and nobody needs the rest of it.
  split_part(url, '?', 1) as url
from digits
