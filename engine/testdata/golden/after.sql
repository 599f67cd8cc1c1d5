-- What is written to every golden directory once it is open.
insert into orders select x, x % 9, x * 2, timestamp '2026-01-01 02:00' + x * interval '7 minutes' from generate_series(1001, 1040) x;
update orders set amount = amount * 2 where id % 5 = 0;
delete from orders where id % 7 = 0;
delete from customers where id = 3;
insert into customers values (30, 'new', 'north');
update every set n = n + 1, s = s || '!' where id = 1;
insert into every (id, s, d) values (4, 'later', 0.1);
delete from keyed where v = 2;
insert into heap values (1, 'a'), (5, 'e');
delete from heap where v = 2;
insert into changed values (4, 'four', null);
update changed set added = added + 1;
insert into events select x, x % 3, timestamp '2026-01-01 00:00' + x * interval '20 seconds' from generate_series(71, 90) x;
insert into short values (3);
alter system set test_clock = '2026-01-01 10:00:00+00';
create materialized view made_later as select region, count(*) as n from inner_join group by region;
alter table customers set parallelism = 1;
create index orders_at on orders (at);
