select * from (
  select auction, bidder, price, date_time, row_number() over (partition by auction order by price desc, date_time, bidder) as rank_number from bid) q
where rank_number <= 10
