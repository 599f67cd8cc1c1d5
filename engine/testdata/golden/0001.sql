-- What the golden data directory 0001.tgz holds. It was written by the version
-- that is tagged with this state, and is never written again: see
-- docs/howto/upgrade.md and TestGolden.

create schema other;

-- Every type, as column, key and NULL.
create table every (
  id int primary key, b boolean, i2 smallint, i8 bigint, r real, d double precision, n numeric, n2 numeric(10, 2), s varchar, c char(5),
  by bytea, da date, ti time, ts timestamp, tz timestamptz, iv interval, j jsonb, ia int[], ta text[]);
insert into every values
  (1, true, -32768, 9223372036854775807, 1.5, -0.0, 123456789012345678901234567890.12345, 1.10, 'text', 'ab', '\x00ff', '2024-02-29', '23:59:59.999999',
   '2024-02-29 12:00:00', '2024-02-29 12:00:00+02', '1 mon -2 days 03:04:05', '{"a": [1, 2.50, null], "b": "x"}', '{1,null,3}', '{"a b",null,""}'),
  (2, false, 32767, -9223372036854775808, 'NaN', 'Infinity', 'NaN', -99999999.99, '', '', '\x', '0001-01-01', '00:00', '1999-12-31 23:59:59.5',
   'epoch', '-1 day', '[]', '{}', '{}'),
  (3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null);
create table keyed (n numeric, s varchar, ts timestamptz, d double precision, v int, primary key (n, s, ts, d));
insert into keyed values (1.50, 'é', '2024-01-01 00:00+00', 0.0, 1), (-7, '', 'epoch', 'NaN', 2), (1e30, 'a''b', '2000-01-01 00:00+00', -1e300, 3);
create materialized view by_types as
  select b, n2, s, c, by, da, ti, ts, tz, iv, j, ia, ta, d, count(*) as rows, min(id) as id from every group by b, n2, s, c, by, da, ti, ts, tz, iv, j, ia, ta, d;
create index every_s on every (s desc, n) include (d);
create index every_expr on every (lower(s), id);

-- Tables with and without keys, with conflicts, added and dropped columns.
create table orders (id int primary key, customer int, amount numeric, at timestamp);
insert into orders select x, x % 7, x * 1.25, timestamp '2026-01-01 00:00' + x * interval '10 minutes' from generate_series(1, 150) x;
create table customers (id int primary key, name varchar, region varchar);
insert into customers select x, 'customer ' || x, case when x % 2 = 0 then 'north' else 'south' end from generate_series(0, 8) x;
create table heap (v int, w varchar);
insert into heap values (1, 'a'), (1, 'a'), (2, null), (null, null);
create table other.latest (k int primary key, v int) on conflict overwrite;
create table keeps (k int primary key, v int) on conflict do nothing;
insert into keeps values (1, 1);
insert into keeps values (1, 2), (2, 2);
create table changed (k int primary key, gone int, stays varchar default 'x');
insert into changed values (1, 10, 'one'), (2, 20, 'two');
alter table changed add column added int default 7;
alter table changed drop column gone;
insert into changed values (3, 'three', 30);
alter table changed rename column stays to kept;
delete from orders where id % 10 = 0;
update orders set amount = amount + 1, customer = 8 where id % 11 = 0;
comment on table orders is 'what was ordered';
comment on column orders.amount is 'in euros';

-- Views with every operator of a job.
create view plain as select customer, amount from orders where amount > 10;
create materialized view aggregates as select customer, count(*) as n, sum(amount) as total, min(at) as first, max(amount) as most,
  avg(amount) as mean, count(distinct amount) as different, string_agg(id::varchar, ',' order by id) as ids, stddev_pop(amount) as dev,
  bool_or(id > 100) as late, array_agg(id order by id) as list, percentile_cont(0.5) within group (order by amount) as median from orders group by customer;
create materialized view grand as select count(*) as n, sum(amount) as total, max(at) as last from orders;
create materialized view inner_join as select o.id, c.name, c.region from orders o join customers c on o.customer = c.id;
create materialized view left_join as select c.id, o.id as oid from customers c left join orders o on o.customer = c.id and o.amount > 150;
create materialized view full_join as select o.id, h.w from orders o full join heap h on o.id = h.v;
create materialized view semi as select id from customers c where exists (select 1 from orders o where o.customer = c.id and o.amount > 160);
create materialized view anti as select id from customers where id not in (select customer from plain where amount > 150);
create materialized view above as select id from orders where amount > (select avg(amount) from orders);
create materialized view topn as select id, amount from orders order by amount desc, id limit 10;
create materialized view per_group as select customer, id, amount from (select *, row_number() over (partition by customer order by amount desc, id) as r from orders) x where r <= 2;
create materialized view windows as select id, rank() over (partition by customer order by amount, id) as r,
  sum(amount) over (partition by customer order by at rows between 2 preceding and current row) as s, lag(id) over (order by at, id) as before from orders;
create materialized view united as select id from orders where id < 20 union all select id from customers;
create materialized view distinct_union as select customer as v from orders union select v from heap;
create materialized view excepted as select id from customers except select customer from orders;
create materialized view sets as select customer, id % 2 as odd, count(*) as n from orders group by grouping sets ((customer), (id % 2), ());
create materialized view hops as select window_start, customer, count(*) as n from hop(orders, at, interval '1 hour', interval '2 hours') group by window_start, customer;
create materialized view tumbles as select window_start, window_end, sum(amount) as s from tumble(orders, at, interval '3 hours') group by window_start, window_end;
create materialized view sessions as select window_start, window_end, customer, count(*) as n from session(orders, at, customer, interval '90 minutes') group by customer, window_start, window_end;
create materialized view expanded as select id, unnest(array[id, id * 2]) as x from orders where id < 10;
create materialized view one_row as select 1 as one, 'x' as x;
create materialized view listed as select * from (values (1, 'a'), (2, 'b'), (3, null)) v(k, w);
create materialized view recent as select id, at from orders where at > now() - interval '12 hours' and at < now() + interval '6 hours';
create materialized view nearest as select o.id, e.id as e from orders o asof left join every e on o.customer = e.id and o.at >= e.ts;
create materialized view looked_up as select o.id, c.name from orders o join customers for system_time as of proctime() c on o.customer = c.id;
create materialized view over_view as select region, count(*) as n, sum(a.total) as total from aggregates a join customers c on a.customer = c.id group by region;
create materialized view shared as with x as (select customer, sum(amount) as s from orders group by customer) select a.customer, b.s from x a join x b using (customer);
create materialized view other.moved as select count(*) as n from heap;
create index aggregates_total on aggregates (total desc);
alter materialized view united rename to unions;

-- Event time.
create table events (id int, k int, ts timestamp, watermark for ts as ts - interval '1 minute') append only;
insert into events select x, x % 3, timestamp '2026-01-01 00:00' + x * interval '20 seconds' from generate_series(1, 60) x;
insert into events values (1000, 1, timestamp '2026-01-01 00:00:30');
create materialized view closed as select window_start, k, count(*) as n from tumble(events, ts, interval '2 minutes') group by window_start, k emit on window close;
create materialized view closed_rows as select id, ts, lag(id) over (partition by k order by ts) as before from events emit on window close;
create materialized view pairs as select a.id, b.id as other from events a join events b on a.k = b.k and b.ts between a.ts and a.ts + interval '1 minute' and a.id < b.id;
insert into events select x, x % 3, timestamp '2026-01-01 00:00' + x * interval '20 seconds' from generate_series(61, 70) x;
create table short (v int) append only with (retention_seconds = 3600);
insert into short values (1), (2);

-- Sources and sinks.
create source made (id int, v int) with (connector = 'datagen', fields.id.kind = 'sequence', fields.id.start = '1', fields.id.end = '50',
  fields.v.kind = 'sequence', fields.v.start = '101', fields.v.end = '150', datagen.rows.per.second = '100000', datagen.split.num = '2') format plain encode json;
create materialized view from_source as select count(*) as n, sum(v) as s, min(id) as lo, max(id) as hi from made;
create table made_table (id int primary key, v int) with (connector = 'datagen', fields.id.kind = 'sequence', fields.id.start = '1', fields.id.end = '20',
  fields.v.kind = 'sequence', fields.v.start = '1', fields.v.end = '20', datagen.rows.per.second = '100000') format plain encode json;
create sink into_latest into other.latest (k, v) as select customer as k, count(*)::int as v from orders group by customer;
create sink nowhere from aggregates with (connector = 'blackhole', type = 'upsert', primary_key = 'customer');

-- A job that has failed, and settings.
create materialized view fails as select k, 10 / (v - 5) as q from keeps;
insert into keeps values (3, 5);
alter system set max_concurrent_creating_streaming_jobs = 3;
alter materialized view aggregates set parallelism = 3;
set backfill_rate_limit = 1000;
create materialized view limited as select k from keeps;
