select seller, date_time, round(avg(final) over (partition by seller order by date_time, id rows between 10 preceding and current row), 8) as price
from (
  select id, seller, final, date_time from (
    select a.id, a.seller, b.price as final, b.date_time,
      row_number() over (partition by a.id, a.seller order by b.price desc, b.date_time, b.bidder) as rn
    from auction a join bid b on a.id = b.auction and b.date_time between a.date_time and a.expires) w
  where rn <= 1) q
