-- Each account stands on one edge at D = 2024-02-28, in a leap year.
create table ibm_accounts_receivable as
select person as "customerID", person || issued as "invoiceNumber", issued::date as "InvoiceDate", due::date as "DueDate",
    settled::date as "SettledDate", issued::date as _event_date
from (values
    ('due yesterday', '2024-01-30', '2024-02-27', '2024-02-29'),
    ('due today', '2024-01-30', '2024-02-28', '2024-02-29'),
    ('settled today', '2024-01-30', '2024-02-27', '2024-02-28'),
    ('never settled', '2024-01-30', '2024-02-27', null),
    ('issued 30 days ago', '2024-01-29', '2024-02-27', '2024-02-29'),
    ('old and new', '2023-11-01', '2023-12-01', '2024-03-15'), ('old and new', '2024-02-28', '2024-03-28', '2024-03-28'),
    ('new one tomorrow', '2023-11-01', '2023-12-01', '2024-03-15'), ('new one tomorrow', '2024-02-29', '2024-03-28', '2024-03-28')
) as invoice (person, issued, due, settled);

create table ravenstack_subscriptions as
select person || plan as subscription_id, person as account_id, start::date as start_date, stop::date as end_date, trial as is_trial,
    case when stop is null then 'False' else 'True' end as churn_flag, term as billing_frequency, start::date as _event_date
from (values
    ('monthly from the 31st', '', '2023-12-31', null, 'False', 'monthly'),
    ('monthly today', '', '2024-01-28', null, 'False', 'monthly'),
    ('monthly tomorrow', '', '2024-01-29', null, 'False', 'monthly'),
    ('monthly in 7 days', '', '2023-11-06', null, 'False', 'monthly'),
    ('monthly in 8 days', '', '2023-11-07', null, 'False', 'monthly'),
    ('annual tomorrow from a leap day', '', '2020-02-29', null, 'False', 'annual'),
    ('annual today', '', '2023-02-28', null, 'False', 'annual'),
    ('annual in 7 days', '', '2022-03-06', null, 'False', 'annual'),
    ('annual, only its month is near', '', '2023-09-01', null, 'False', 'annual'),
    ('starts today', '', '2024-02-28', null, 'False', 'monthly'),
    ('started in a future month', '', '2024-03-01', null, 'False', 'monthly'),
    ('on trial', '', '2024-01-29', null, 'True', 'monthly'),
    ('ended today', '', '2023-11-01', '2024-02-28', 'False', 'monthly'),
    ('ends tomorrow', '', '2023-11-01', '2024-02-29', 'False', 'monthly'),
    ('used 29 days ago', '', '2023-11-01', null, 'False', 'monthly'),
    ('used 30 days ago', '', '2023-11-01', null, 'False', 'monthly'),
    ('used tomorrow', '', '2023-11-01', null, 'False', 'monthly'),
    ('used 0 times', '', '2023-11-01', null, 'False', 'monthly'),
    ('uses another plan', ' A', '2023-11-01', null, 'False', 'monthly'),
    ('uses another plan', ' B', '2023-11-15', null, 'False', 'monthly'),
    -- For the tickets: active, and renewed on the 15th.
    ('two pressing', '', '2023-11-15', null, 'False', 'monthly'),
    ('one pressing', '', '2023-11-15', null, 'False', 'monthly'),
    ('second pressing 30 days ago', '', '2023-11-15', null, 'False', 'monthly'),
    ('second pressing tomorrow', '', '2023-11-15', null, 'False', 'monthly'),
    ('one escalated', '', '2023-11-15', null, 'False', 'monthly'),
    ('escalated 30 days ago', '', '2023-11-15', null, 'False', 'monthly'),
    ('three medium', '', '2023-11-15', null, 'False', 'monthly'),
    ('escalated before the start', '', '2024-02-29', null, 'False', 'monthly'),
    ('escalated on trial', '', '2023-11-15', null, 'True', 'monthly'),
    ('escalated after the end', '', '2023-11-15', '2024-02-28', 'False', 'monthly')
) as subscription (person, plan, start, stop, trial, term);

create table ravenstack_feature_usage as
select 'U-1' as usage_id, subscription_id, used::date as usage_date, times as usage_count, used::date as _event_date
from (values
    ('used 29 days ago', '2024-01-30', 1),
    ('used 30 days ago', '2024-01-29', 1),
    ('used tomorrow', '2024-02-29', 1),
    ('used 0 times', '2024-02-28', 0),
    ('uses another plan B', '2024-02-28', 1)
) as usage (subscription_id, used, times);

create table ravenstack_support_tickets as
select 'T-' || row_number() over () as ticket_id, person as account_id, submitted::date + interval 23 hours as submitted_at,
    priority, escalated as escalation_flag, submitted::date as _event_date
from (values
    ('two pressing', '2024-01-30', 'high', 'False'), ('two pressing', '2024-02-28', 'urgent', 'False'),
    ('one pressing', '2024-02-28', 'urgent', 'False'), ('one pressing', '2024-02-28', 'medium', 'False'),
    ('second pressing 30 days ago', '2024-01-29', 'high', 'False'), ('second pressing 30 days ago', '2024-02-28', 'high', 'False'),
    ('second pressing tomorrow', '2024-02-28', 'high', 'False'), ('second pressing tomorrow', '2024-02-29', 'high', 'False'),
    ('one escalated', '2024-01-30', 'low', 'True'),
    ('escalated 30 days ago', '2024-01-29', 'urgent', 'True'),
    ('three medium', '2024-02-28', 'medium', 'False'), ('three medium', '2024-02-28', 'medium', 'False'),
    ('three medium', '2024-02-28', 'low', 'False'),
    ('escalated before the start', '2024-02-28', 'urgent', 'True'),
    ('escalated on trial', '2024-02-28', 'urgent', 'True'),
    ('escalated after the end', '2024-02-28', 'urgent', 'True'),
    ('no subscription', '2024-02-28', 'urgent', 'True')
) as ticket (person, submitted, priority, escalated);
