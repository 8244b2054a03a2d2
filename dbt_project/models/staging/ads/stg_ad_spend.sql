select
  day,
  platform,
  campaign,
  audience,
  spend
from {{ landed('ads', 'ad_spend') }}
