select p.id, p.name, p.starttime from (
  select id, name, window_start as starttime, window_end as endtime
  from tumble(person, date_time, interval '10 seconds') group by id, name, window_start, window_end) p
join (
  select seller, window_start as starttime, window_end as endtime
  from tumble(auction, date_time, interval '10 seconds') group by seller, window_start, window_end) a
on p.id = a.seller and p.starttime = a.starttime and p.endtime = a.endtime
