select ab.auction, ab.num, ab.starttime from (
  select auction, count(*) as num, window_start as starttime
  from hop(bid, date_time, interval '2 seconds', interval '10 seconds') group by window_start, auction) ab
join (
  select max(num) as maxn, starttime from (
    select count(*) as num, window_start as starttime
    from hop(bid, date_time, interval '2 seconds', interval '10 seconds') group by auction, window_start) cb
  group by starttime) mb
on ab.starttime = mb.starttime and ab.num >= mb.maxn
