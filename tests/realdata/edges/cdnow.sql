-- Each customer stands on one edge at D = 1997-12-31; `ago` counts days before D, -1 is tomorrow.
create table cdnow_master as
select person as customer_id, strftime(date '1997-12-31' - ago, '%Y%m%d') as date, 1 as number_of_cds, 0.00::decimal(9, 2) as dollar_value,
    date '1997-12-31' - ago as _event_date
from (values
    ('00060', [300, 60]), ('00059', [300, 59]), ('00180', [300, 180]), ('00181', [300, 181]),
    ('one day, twice', [100, 100]), ('once', [100]), ('back tomorrow', [300, 100, -1]), ('second tomorrow', [100, -1])
) as bought (person, days), unnest(days) as each (ago);
