package main

// query is a query of the suite, as a view, with the loop it is measured against.
type query struct {
	name    string
	sources []string // that it reads
	sql     string
	sink    bool // measured into a blackhole sink instead of a view: its output is as large as its input
	loop    func(e *events) int
}

var queries = []query{
	{"q0", []string{"bid"}, `SELECT auction, bidder, price, channel, url, date_time, extra FROM bid`, true, loopQ0},
	{"q1", []string{"bid"}, `SELECT auction, bidder, 0.908 * price::double precision AS price, date_time FROM bid`, true, loopQ1},
	{"q2", []string{"bid"}, `SELECT auction, price FROM bid WHERE auction % 123 = 0`, true, loopQ2},
	{"q3", []string{"person", "auction"}, `SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id
		WHERE a.category = 10 AND (p.state = 'or' OR p.state = 'id' OR p.state = 'ca')`, false, loopQ3},
	{"q4", []string{"auction", "bid"}, `SELECT category, avg(final) AS price FROM (
			SELECT a.id, a.category, max(b.price) AS final FROM auction a, bid b
			WHERE a.id = b.auction AND b.date_time BETWEEN a.date_time AND a.expires GROUP BY a.id, a.category) q
		GROUP BY category`, false, loopQ4},
	{"q5", []string{"bid"}, `SELECT ab.auction, ab.num, ab.starttime FROM (
			SELECT auction, count(*) AS num, window_start AS starttime
			FROM HOP(bid, date_time, INTERVAL '2' SECOND, INTERVAL '10' SECOND) GROUP BY window_start, auction) ab
		JOIN (SELECT max(num) AS maxn, starttime FROM (
				SELECT count(*) AS num, window_start AS starttime
				FROM HOP(bid, date_time, INTERVAL '2' SECOND, INTERVAL '10' SECOND) GROUP BY auction, window_start) cb
			GROUP BY starttime) mb
		ON ab.starttime = mb.starttime AND ab.num >= mb.maxn`, false, loopQ5},
	{"q7", []string{"bid"}, `SELECT b.auction, b.price, b.bidder, b.date_time FROM bid b
		JOIN (SELECT max(price) AS maxprice, window_end AS date_time
			FROM TUMBLE(bid, date_time, INTERVAL '10' SECOND) GROUP BY window_end) b1
		ON b.price = b1.maxprice WHERE b.date_time BETWEEN b1.date_time - INTERVAL '10' SECOND AND b1.date_time`, false, loopQ7},
	// q7w is q7 with the windows joined: the first rows of each window, ties included.
	{"q7w", []string{"bid"}, `SELECT b.auction, b.price, b.bidder, b.date_time FROM TUMBLE(bid, date_time, INTERVAL '10' SECOND) b
		JOIN (SELECT max(price) AS maxprice, window_end
			FROM TUMBLE(bid, date_time, INTERVAL '10' SECOND) GROUP BY window_end) b1
		ON b.price = b1.maxprice AND b.window_end = b1.window_end`, false, loopQ7},
	{"q8", []string{"person", "auction"}, `SELECT p.id, p.name, p.starttime FROM (
			SELECT id, name, window_start AS starttime, window_end AS endtime
			FROM TUMBLE(person, date_time, INTERVAL '10' SECOND) GROUP BY id, name, window_start, window_end) p
		JOIN (SELECT seller, window_start AS starttime, window_end AS endtime
			FROM TUMBLE(auction, date_time, INTERVAL '10' SECOND) GROUP BY seller, window_start, window_end) a
		ON p.id = a.seller AND p.starttime = a.starttime AND p.endtime = a.endtime`, false, loopQ8},
}
