select 1 / 0 as x, cast('ada@example.org' as integer) as y
