select bidder, sum(bid_count) as bid_count from (
  select bidder, count(*) as bid_count, window_start, window_end
  from tumble(bid, p_time, interval '10 seconds') group by bidder, window_start, window_end) q
group by bidder
