select b.auction, b.bidder, b.price, b.channel, b.date_time, a.item_name, a.seller, a.category
from bid b inner join auction a on b.auction = a.id where a.category = 10
