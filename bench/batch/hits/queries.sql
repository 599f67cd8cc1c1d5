-- c01: all rows
select count(*) from hits;
-- c02: a filter on one column
select count(*) from hits where adv_engine_id <> 0;
-- c03: sums of columns
select sum(adv_engine_id), count(*), avg(resolution_width) from hits;
-- c04: distinct values
select count(distinct user_id) from hits;
-- c05: the extremes of a column
select min(event_date), max(event_date) from hits;
-- c06: few groups
select adv_engine_id, count(*) as n from hits where adv_engine_id <> 0 group by adv_engine_id order by n desc, adv_engine_id;
-- c07: several aggregates, the largest groups
select region_id, sum(adv_engine_id), count(*) as n, avg(resolution_width), count(distinct user_id) from hits group by region_id order by n desc, region_id limit 10;
-- c08: groups of a string
select search_phrase, count(*) as n from hits where search_phrase <> '' group by search_phrase order by n desc, search_phrase limit 10;
-- c09: many groups of an integer
select user_id, count(*) as n from hits group by user_id order by n desc, user_id limit 10;
-- c10: groups of an integer and a string
select user_id, search_phrase, count(*) as n from hits group by user_id, search_phrase order by n desc, user_id, search_phrase limit 10;
-- c11: a row by another column than the key
select watch_id from hits where user_id = 1017;
-- c12: LIKE
select count(*) from hits where url like '%google%';
-- c13: the first whole rows in an order
select * from hits where url like '%google%' order by event_time, watch_id limit 10;
-- c14: the first rows by a string
select search_phrase, watch_id from hits where search_phrase <> '' order by search_phrase, watch_id limit 10;
-- c15: the length of strings, by group
select counter_id, avg(length(url)) as l, count(*) as n from hits where url <> '' group by counter_id having count(*) > 500 order by l desc, counter_id limit 25;
-- c16: many sums
select sum(resolution_width), sum(resolution_width + 1), sum(resolution_width + 2), sum(resolution_width + 3), sum(resolution_width + 4), sum(resolution_width + 5), sum(resolution_width + 6), sum(resolution_width + 7), sum(resolution_width + 8), sum(resolution_width + 9) from hits;
-- c17: groups of computed values
select client_ip, client_ip - 1 as a, client_ip - 2 as b, count(*) as n from hits group by client_ip, client_ip - 1, client_ip - 2 order by n desc, client_ip limit 10;
-- c18: several conditions
select url, count(*) as views from hits where counter_id = 62 and event_date >= date '2013-07-01' and event_date <= date '2013-07-31' and dont_count_hits = 0 and is_refresh = 0 and url <> '' group by url order by views desc, url limit 10;
-- c19: by the minute
select date_trunc('minute', event_time) as m, count(*) as views from hits where counter_id = 62 and event_date >= date '2013-07-14' and event_date <= date '2013-07-15' group by date_trunc('minute', event_time) order by m limit 10;
