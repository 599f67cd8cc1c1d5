with hopped as (
  select b.auction, w as starttime from bid b,
    generate_series(date_bin('2 seconds', b.date_time, '2000-01-01') - interval '8 seconds', date_bin('2 seconds', b.date_time, '2000-01-01'), '2 seconds') w),
counted as (select auction, starttime, count(*) as num from hopped group by auction, starttime)
select auction, num, starttime from counted c where num = (select max(num) from counted m where m.starttime = c.starttime)
