select distinct p.id, p.name, date_bin('10 seconds', p.date_time, '2000-01-01') as starttime from person p join auction a
on p.id = a.seller and date_bin('10 seconds', p.date_time, '2000-01-01') = date_bin('10 seconds', a.date_time, '2000-01-01')
