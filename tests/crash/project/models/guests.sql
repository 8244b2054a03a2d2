-- The tests write this table themselves; only its declaration is read.
select 'p0' as person_id, 'p0@example.com' as email, 0 as visits
