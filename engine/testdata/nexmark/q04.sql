select category, round(avg(final), 8) as price from (
  select a.id, a.category, max(b.price) as final from auction a join bid b
  on a.id = b.auction and b.date_time between a.date_time and a.expires group by a.id, a.category) q
group by category
