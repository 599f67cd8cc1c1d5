package nexmark

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"sync"

	"streamdb/types"
	"streamdb/vec"
)

// generator makes columns of events. Every column of every event has random
// numbers of its own, a hash of event number and column, so that leaving
// columns out changes nothing in the others.
type generator struct {
	o *options
	t *tables
}

func newGenerator(o *options) *generator { return &generator{o: o, t: shared()} }

const (
	firstAuction  = 1000
	firstPerson   = 1000
	firstCategory = 10
	categories    = 5
	idLead        = 10 // ids up to so many ahead of the newest are used
	hotBatch      = 100
	channels      = 10_000
)

var (
	hotChannels = []string{"Google", "Facebook", "Baidu", "Apple"}
	states      = []string{"az", "ca", "id", "or", "wa", "wy"}
	cities      = []string{"phoenix", "los angeles", "san francisco", "boise", "portland", "bend", "redmond", "seattle", "kent", "cheyenne"}
	firstNames  = []string{"peter", "paul", "luke", "john", "saul", "vicky", "kate", "julie", "sarah", "deiter", "walter"}
	lastNames   = []string{"shultz", "abrams", "spencer", "white", "bartels", "walton", "smith", "jones", "noris"}
)

// tables is what all generators share.
type tables struct {
	prices   [1 << 16]int64
	channels []string // the hot ones last
	urls     []string
}

var shared = sync.OnceValue(func() *tables {
	t := &tables{}
	for i := range t.prices {
		t.prices[i] = int64(math.Round(math.Pow(10, (float64(i)+0.5)/(1<<16)*6) * 100))
	}
	for i := range channels + len(hotChannels) {
		name := "channel-" + strconv.Itoa(i)
		if i >= channels {
			name = hotChannels[i-channels]
		}
		t.channels = append(t.channels, name)
		t.urls = append(t.urls, baseURL(i))
	}
	return t
})

// baseURL is the url of a channel: three directories of 3 or 4 characters, and
// for nine of ten of the ordinary channels a channel_id.
func baseURL(channel int) string {
	r := random(int64(channel), 99)
	url := []byte("https://www.nexmark.com/")
	for range 3 {
		for range 3 + r&1 {
			r = next(r)
			if r%13 == 0 {
				url = append(url, '_')
			} else {
				url = append(url, 'a'+byte(r>>32%26))
			}
		}
		url = append(url, '/')
	}
	url = append(url, "item.htm?query=1"...)
	if channel < channels && next(r)%10 > 0 {
		id := int64(int32(bits.Reverse32(uint32(channel))))
		url = strconv.AppendInt(append(url, "&channel_id="...), max(id, -id), 10)
	}
	return string(url)
}

// random is the column's random number of an event (wyhash's mixer).
func random(n int64, column uint64) uint64 {
	hi, lo := bits.Mul64(uint64(n)*0x9e3779b97f4a7c15^0xa0761d6478bd642f, column*0xe7037ed1a0b428db+0x8ebc6af09c88c6e3)
	return next(hi ^ lo)
}

// next is the random number after r.
func next(r uint64) uint64 {
	hi, lo := bits.Mul64(r^0x589965cc75374cc3, 0x1d8e4e27c47d124f)
	return hi ^ lo
}

// below is a number from 0 to n-1.
func below(r uint64, n int64) int64 {
	hi, _ := bits.Mul64(r, uint64(n))
	return int64(hi)
}

// lastPerson is the number of the newest person at event n.
func lastPerson(n int64) int64 { return n / group }

// lastAuction is the number of the newest auction at event n; -1 at event 0, before the first.
func lastAuction(n int64) int64 {
	g, pos := n/group, n%group
	switch {
	case pos < persons:
		return g*auctions - 1
	case pos >= persons+auctions:
		return g*auctions + auctions - 1
	}
	return g*auctions + pos - persons
}

func (g *generator) somePerson(n int64, r uint64) int64 {
	people := lastPerson(n) + 1
	active := min(people, g.o.activePeople)
	return people - active + below(r, active+idLead)
}

// micros is the date_time of event n: whole milliseconds, at the rate of event time.
func (g *generator) micros(n int64) int64 {
	return (g.o.base + (n*1000+g.o.rate/2)/g.o.rate) * 1000
}

// fill appends the columns cols of events to out.
func (g *generator) fill(cols []int, out []*vec.Builder, events []int64) {
	for i, c := range cols {
		reserve(out[i], len(events), g.o.width(c))
		switch g.o.kind {
		case person:
			g.person(c, out[i], events)
		case auction:
			g.auction(c, out[i], events)
		default:
			g.bid(c, out[i], events)
		}
	}
}

// reserve makes room for n more values, strings of about size bytes.
func reserve(b *vec.Builder, n int, size int64) {
	if b.Layout == types.LInt64 {
		b.I64 = slices.Grow(b.I64, n)
		return
	}
	b.Off = slices.Grow(b.Off, n)
	b.Data = slices.Grow(b.Data, n*int(size)+1024)
}

// width is about how many bytes a value of a text column has.
func (o *options) width(c int) int64 {
	switch name := schemas[o.kind][c].Name; name {
	case "extra":
		return o.sizes[o.kind]
	case "description":
		return 108
	case "url":
		return 76
	case "name", "channel", "city", "state":
		return 16
	}
	return 28
}

// each appends f of every event to an integer column.
func each(out *vec.Builder, events []int64, f func(n int64) int64) {
	dst := out.I64
	for _, n := range events {
		dst = append(dst, f(n))
	}
	out.I64 = dst
}

// letters appends size random letters.
func letters(dst []byte, r uint64, size int) []byte {
	const lanes = 0x00ff00ff00ff00ff
	at := len(dst)
	for k := 0; k < size; k += 8 {
		r = next(r)
		lo := (r & lanes) * 26 >> 8 & lanes
		hi := (r >> 8 & lanes) * 26 & (lanes << 8)
		dst = binary.LittleEndian.AppendUint64(dst, (lo|hi)+0x6161616161616161)
	}
	return dst[:at+size]
}

// text appends random strings of one size.
func text(out *vec.Builder, events []int64, column uint64, size int) {
	for _, n := range events {
		out.Data = letters(out.Data, random(n, column), size)
		out.Off = append(out.Off, int32(len(out.Data)))
	}
}

// extra appends strings that bring the row to its mean size, a fifth up or down.
func (g *generator) extra(out *vec.Builder, events []int64, column uint64, have int64) {
	want := g.o.sizes[g.o.kind] - have
	if want <= 0 {
		for range events {
			out.Off = append(out.Off, int32(len(out.Data)))
		}
		return
	}
	delta := (want + 2) / 5
	data, off := out.Data, out.Off
	for _, n := range events {
		r := random(n, column)
		size := want - delta
		if delta > 0 {
			size += below(r, 2*delta)
		}
		data = letters(data, r, int(size))
		off = append(off, int32(len(data)))
	}
	out.Data, out.Off = data, off
}

// choose appends one of a few strings.
func choose(out *vec.Builder, events []int64, column uint64, from []string) {
	for _, n := range events {
		out.Data = append(out.Data, from[below(random(n, column), int64(len(from)))]...)
		out.Off = append(out.Off, int32(len(out.Data)))
	}
}

func (g *generator) person(c int, out *vec.Builder, events []int64) {
	switch c {
	case 0: // id
		each(out, events, func(n int64) int64 { return lastPerson(n) + firstPerson })
	case 1: // name
		for _, n := range events {
			r := random(n, 1)
			out.Data = append(out.Data, firstNames[below(r, int64(len(firstNames)))]...)
			out.Data = append(out.Data, ' ')
			out.Data = append(out.Data, lastNames[below(next(r), int64(len(lastNames)))]...)
			out.Off = append(out.Off, int32(len(out.Data)))
		}
	case 2: // email_address
		for _, n := range events {
			r := random(n, 2)
			out.Data = append(letters(out.Data, r, 7), '@')
			out.Data = append(letters(out.Data, next(r^1), 5), ".com"...)
			out.Off = append(out.Off, int32(len(out.Data)))
		}
	case 3: // credit_card
		for _, n := range events {
			r := random(n, 3)
			for k := range 4 {
				if k > 0 {
					out.Data = append(out.Data, ' ')
				}
				r = next(r)
				x := below(r, 10000)
				out.Data = append(out.Data, '0'+byte(x/1000), '0'+byte(x/100%10), '0'+byte(x/10%10), '0'+byte(x%10))
			}
			out.Off = append(out.Off, int32(len(out.Data)))
		}
	case 4: // city
		choose(out, events, 4, cities)
	case 5: // state
		choose(out, events, 5, states)
	case 6: // date_time
		each(out, events, g.micros)
	case 7: // extra; the others have 8 + 12 + 17 + 19 + 9 + 2 bytes on average
		g.extra(out, events, 7, 67)
	}
}

func (g *generator) auction(c int, out *vec.Builder, events []int64) {
	switch c {
	case 0: // id
		each(out, events, func(n int64) int64 { return lastAuction(n) + firstAuction })
	case 1: // item_name
		text(out, events, 11, 20)
	case 2: // description
		text(out, events, 12, 100)
	case 3: // initial_bid
		each(out, events, g.initialBid)
	case 4: // reserve
		each(out, events, func(n int64) int64 { return g.initialBid(n) + g.t.prices[random(n, 14)>>48] })
	case 5: // date_time
		each(out, events, g.micros)
	case 6: // expires: as long open as it takes to make inFlight more auctions, on average
		ahead := g.o.inFlight * group / auctions
		each(out, events, func(n int64) int64 {
			now := g.micros(n) / 1000
			horizon := g.micros(n+ahead)/1000 - now
			return (now + 1 + below(random(n, 16), max(2*horizon, 1))) * 1000
		})
	case 7: // seller
		each(out, events, func(n int64) int64 {
			r := random(n, 17)
			if below(r, g.o.hotSeller) > 0 {
				return lastPerson(n)/hotBatch*hotBatch + firstPerson
			}
			return g.somePerson(n, next(r)) + firstPerson
		})
	case 8: // category
		each(out, events, func(n int64) int64 { return firstCategory + below(random(n, 18), categories) })
	case 9: // extra; the others have 8 + 20 + 100 + 5 * 8 bytes
		g.extra(out, events, 19, 168)
	}
}

func (g *generator) initialBid(n int64) int64 { return g.t.prices[random(n, 13)>>48] }

func (g *generator) bid(c int, out *vec.Builder, events []int64) {
	switch c {
	case 0: // auction
		each(out, events, func(n int64) int64 {
			r := random(n, 20)
			last := lastAuction(n)
			if below(r, g.o.hotAuction) > 0 {
				return last/hotBatch*hotBatch + firstAuction
			}
			oldest := max(last-g.o.inFlight, 0)
			return oldest + below(next(r), last-oldest+1+idLead) + firstAuction
		})
	case 1: // bidder
		each(out, events, func(n int64) int64 {
			r := random(n, 21)
			if below(r, g.o.hotBidder) > 0 {
				return lastPerson(n)/hotBatch*hotBatch + 1 + firstPerson
			}
			return g.somePerson(n, next(r)) + firstPerson
		})
	case 2: // price
		each(out, events, func(n int64) int64 { return g.t.prices[random(n, 22)>>48] })
	case 3: // channel
		g.channel(out, events, g.t.channels)
	case 4: // url
		g.channel(out, events, g.t.urls)
	case 5: // date_time
		each(out, events, g.micros)
	case 6: // extra; the standard generator counts four numbers
		g.extra(out, events, 26, 32)
	}
}

// channel appends the name, or the url, of each bid's channel.
func (g *generator) channel(out *vec.Builder, events []int64, from []string) {
	data, off := out.Data, out.Off
	for _, n := range events {
		r := random(n, 23)
		k := below(next(r), channels)
		if below(r, g.o.hotChannel) > 0 {
			k = channels + int64(next(r)>>32&3)
		}
		data = append(data, from[k]...)
		off = append(off, int32(len(data)))
	}
	out.Data, out.Off = data, off
}
