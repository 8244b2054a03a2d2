-- Each household stands on one edge at D = 2017-04-15; `ago` counts days before D, -1 is tomorrow.
create table cj_campaign_descriptions as
select id as campaign_id, 'Type A' as campaign_type, (date '2017-04-15' - start)::timestamp as start_date, (date '2017-04-15' - stop)::timestamp as end_date
from (values (1, 10, 0), (2, 0, -9), (3, 30, 1), (4, -1, -9)) as plan (id, start, stop);

create table cj_campaigns as
select campaign_id::bigint as campaign_id, household_id::bigint as household_id
from (values
    (1, 1), -- active 29 days ago
    (1, 2), -- active 30 days ago
    (1, 3), -- redeemed today
    (1, 4), -- redeems tomorrow
    (3, 5), -- the campaign ended yesterday
    (4, 6), -- the campaign starts tomorrow
    (2, 7), -- the campaign starts today
    (1, 8), (2, 8), -- two campaigns run, redeemed from one
    (1, 9), -- redeemed from another campaign
    (1, 11), -- active tomorrow
    (1, 12) -- redeemed from the running campaign, but long before it began
) as sent (campaign_id, household_id);

create table cj_coupon_redemptions as
select household_id::bigint as household_id, 7::bigint as coupon_upc, campaign_id::bigint as campaign_id,
    (date '2017-04-15' - ago)::timestamp as redemption_date, date '2017-04-15' - ago as _event_date
from (values (3, 1, 0), (4, 1, -1), (8, 1, 2), (9, 3, 5), (12, 1, 60)) as redeemed (household_id, campaign_id, ago);

create table bought (household_id bigint, basket_id bigint, ago integer);
insert into bought
select household_id, household_id * 1000 + position, ago
from (values
    (1, [29]), (2, [30]), (3, [0]), (4, [0]), (5, [0]), (6, [0]), (7, [0]), (8, [0]), (9, [0]), (10, [0]), (11, [-1]), (12, [0]),
    (21, [55, 50, 45, 40, 28, 27, 10, 0]), -- 5 before, 3 now: 60 %
    (22, [55, 50, 45, 40, 28, 27, 20, 10, 0]), -- 5 before, 4 now
    (23, [55, 50, 45, 28]), -- 4 before
    (24, [55, 50, 45, 40, 28]), -- 5 before, none now
    (25, [56, 50, 45, 40, 28]), -- one of 5 a day too early
    (26, [55, 50, 45, 40, 27]), -- one of 5 a day too late
    (27, [55, 50, 45, 40, 28, 27, 10, 0, -1]) -- a fourth basket tomorrow
) as visits (household_id, days), unnest(days) with ordinality as each (ago, position);
insert into bought values
(28, 28001, 40), (28, 28001, 40), (28, 28001, 40), (28, 28001, 40), (28, 28001, 40), -- five lines of one basket
(29, 29001, 40), (29, 29002, 40), (29, 29003, 40), (29, 29004, 40), (29, 29005, 40), -- five baskets in a day
(29, 29006, 5), (29, 29006, 5), (29, 29006, 5), (29, 29006, 5); -- four lines of one basket now

create table cj_transactions as
select household_id, 1::bigint as store_id, basket_id, 1::bigint as product_id, 0::bigint as quantity, 0::decimal(9, 2) as sales_value,
    (date '2017-04-15' - ago)::timestamp + interval 23 hours as transaction_timestamp, date '2017-04-15' - ago as _event_date
from bought;
