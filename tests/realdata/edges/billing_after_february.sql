-- After a clamped February the 31st comes back: counted from the start, not from the last renewal. D = 2024-03-23.
create table ravenstack_subscriptions as
select person as subscription_id, person as account_id, start::date as start_date, null::date as end_date, 'False' as is_trial,
    'monthly' as billing_frequency, start::date as _event_date
from (values
    ('from the 31st, in 8 days', '2024-01-31'),
    ('from the 30th, in 7 days', '2024-01-30'),
    ('from the 29th, in 6 days', '2024-01-29')
) as subscription (person, start);

create table ravenstack_feature_usage (subscription_id varchar, usage_date date, _event_date date);
create table ravenstack_support_tickets
    (ticket_id varchar, account_id varchar, submitted_at timestamp, priority varchar, escalation_flag varchar, _event_date date);
create table ibm_accounts_receivable
    ("customerID" varchar, "invoiceNumber" varchar, "InvoiceDate" date, "DueDate" date, "SettledDate" date, _event_date date);
