select
    cast(start_date as date) + days.day as day,
    days.platform,
    'mailing' as campaign,
    kinds.kind || cast(campaign_id as varchar) as audience,
    cast(days.spend as decimal(18, 2)) as spend
from read_parquet('{{ env_var("TAILRACE_REALDATA") }}/cj_campaign_descriptions.parquet')
cross join (values (0, 'mail', 312.50), (3, 'mail', 41.20), (5, 'display', 77.77)) as days (day, platform, spend)
cross join (values ('campaign_'), ('trial_')) as kinds (kind)
