with marked as (
  select bidder, date_time, case when date_time - lag(date_time) over (partition by bidder order by date_time) < interval '2 seconds' then 0 else 1 end as starts from bid),
numbered as (select *, sum(starts) over (partition by bidder order by date_time range unbounded preceding) as session from marked)
select bidder, count(*) as bid_count, min(date_time) as window_start, max(date_time) + interval '2 seconds' as window_end from numbered group by bidder, session
