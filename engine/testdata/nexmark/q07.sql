select b.auction, b.price, b.bidder, b.date_time from bid b
join (
  select max(price) as maxprice, window_end as date_time
  from tumble(bid, date_time, interval '10 seconds') group by window_end) b1
on b.price = b1.maxprice where b.date_time between b1.date_time - interval '10 seconds' and b1.date_time
