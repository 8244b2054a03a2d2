-- Each sender stands on one edge at D = 2004-05-31; `ago` counts days before D, -1 is tomorrow.
create table collegemsg as
select person as src, '1' as dst, epoch(sent)::bigint as time, sent as _ts_utc, sent::date as _event_date
from (
    select person, (date '2004-05-31' - ago)::timestamp + interval 86399 seconds as sent
    from (values
        ('60 %', [13, 13, 10, 7, 7, 6, 3, 0]), -- the last second of the first and of the last day of each week
        ('80 %', [13, 13, 10, 7, 7, 6, 6, 3, 0]),
        ('four before', [13, 10, 8, 7]),
        ('one of five too early', [14, 13, 10, 8, 7]),
        ('one of five too late', [13, 10, 8, 7, 6]),
        ('none now', [13, 10, 9, 8, 7]),
        ('the fourth tomorrow', [13, 12, 11, 10, 7, 6, 3, 0, -1]),
        ('five in one second', [9, 9, 9, 9, 9])
    ) as activity (person, days), unnest(days) as each (ago)
);
