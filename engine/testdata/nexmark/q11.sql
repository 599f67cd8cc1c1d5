select bidder, count(*) as bid_count, window_start, window_end
from session(bid, date_time, bidder, interval '2 seconds') group by bidder, window_start, window_end
