select auction, bidder, price, channel, url, date_time from (
  select *, row_number() over (partition by bidder, auction order by date_time desc, price desc, channel, url) as rn from bid) q
where rn <= 1
