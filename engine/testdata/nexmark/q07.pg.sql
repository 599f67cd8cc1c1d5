select b.auction, b.price, b.bidder, b.date_time from bid b
join (
  select max(price) as maxprice, date_bin('10 seconds', date_time, '2000-01-01') + interval '10 seconds' as date_time from bid group by 2) b1
on b.price = b1.maxprice where b.date_time between b1.date_time - interval '10 seconds' and b1.date_time
