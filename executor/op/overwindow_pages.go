package op

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sort"

	"streamdb/internal/sqlerr"
)

// winPageRows is how many rows a page of a partition is filled with: a page that
// has grown to more than twice as many is divided.
var winPageRows = 1024

// winPage is a stretch of the rows of a partition: those with keys at or above
// low and below the low of the next page.
type winPage struct {
	low    []byte // nil in the first page
	lowLen uint32 // of low, how much is the sort key
	first  int    // how many rows are before it
	n      int
	rows   []winRow // if loaded
	loaded bool
}

// winPages is the rows of one partition in order. In a job pages that nobody
// looks at leave memory when it is short, also while their partition is being
// computed; only their bounds and sizes stay, so that a row is found by its
// number. An error of reading one back is kept in err: rows are then empty.
type winPages struct {
	pages []winPage
	total int
	cur   int // the page looked at last
	in    int // rows in memory
	data  *arena
	owner *overWindow // nil: everything is in memory
	group *winGroup
	err   error
}

// onePage is a partition that is in memory.
func onePage(rows []winRow, data *arena) *winPages {
	return &winPages{pages: []winPage{{n: len(rows), rows: rows, loaded: true}}, total: len(rows), in: len(rows), data: data}
}

var noRow winRow

// row is row i, valid until the next call.
func (p *winPages) row(i int) *winRow {
	pg := &p.pages[p.cur]
	if k := i - pg.first; uint(k) < uint(len(pg.rows)) {
		return &pg.rows[k]
	}
	pg = p.page(sort.Search(len(p.pages), func(k int) bool { return p.pages[k].first > i }) - 1)
	if k := i - pg.first; pg.loaded && k < len(pg.rows) {
		return &pg.rows[k]
	}
	return &noRow // see err
}

// page is page k, in memory.
func (p *winPages) page(k int) *winPage {
	last := p.cur
	p.cur = k
	if pg := &p.pages[k]; !pg.loaded && p.err == nil {
		if p.err = p.owner.loadPage(p, k); p.err == nil && p.owner.short(p) {
			p.owner.shed(p, func(j int) bool { return j == last || j >= k-1 && j <= k+1 })
			p.owner.tidy()
		}
	}
	return &p.pages[k]
}

// pageOf is the page that a key belongs to.
func (p *winPages) pageOf(key []byte) int {
	return sort.Search(len(p.pages)-1, func(k int) bool { return bytes.Compare(p.pages[k+1].low, key) > 0 })
}

// firstFrom is the first row whose sort key is at or above key, or above it.
func (p *winPages) firstFrom(key []byte, above bool) int {
	if p.total == 0 {
		return 0
	}
	after := func(at []byte) bool {
		c := bytes.Compare(at, key)
		return c > 0 || c == 0 && !above
	}
	k := sort.Search(len(p.pages)-1, func(k int) bool { pg := &p.pages[k+1]; return after(pg.low[:pg.lowLen]) })
	pg := p.page(k)
	rows := pg.rows
	return pg.first + sort.Search(len(rows), func(i int) bool { return after(p.data.get(rows[i].at, int(rows[i].slen))) })
}

// split divides page k, which is in memory, if it has grown too big.
func (p *winPages) split(k int) {
	pg := p.pages[k]
	if pg.n <= 2*winPageRows {
		return
	}
	var parts []winPage
	for rows := pg.rows; len(rows) > 0; {
		n := min(len(rows), winPageRows)
		part := winPage{rows: slices.Clone(rows[:n]), n: n, loaded: true, low: pg.low, lowLen: pg.lowLen}
		if len(parts) > 0 {
			r := &rows[0]
			part.low, part.lowLen = bytes.Clone(p.data.get(r.at, int(r.klen))), r.slen
		}
		parts, rows = append(parts, part), rows[n:]
	}
	p.pages = slices.Replace(p.pages, k, k+1, parts...)
}

// count drops empty pages and numbers the rows.
func (p *winPages) count() {
	p.pages = slices.DeleteFunc(p.pages, func(pg winPage) bool { return pg.n == 0 })
	if len(p.pages) == 0 {
		p.pages = []winPage{{loaded: true}}
	}
	p.pages[0].low, p.pages[0].lowLen = nil, 0
	p.cur, p.total, p.in = 0, 0, 0
	for k := range p.pages {
		pg := &p.pages[k]
		pg.first = p.total
		p.total += pg.n
		p.in += len(pg.rows)
	}
}

// winStored reads a stored row of a window: the length of its sort key, the input
// row and the results, which are empty if they have not been computed.
func winStored(key, value []byte) (slen int, in, res []byte, err error) {
	s, a := binary.Uvarint(value)
	ilen, b := binary.Uvarint(value[max(a, 0):])
	if a <= 0 || b <= 0 || s > uint64(len(key)) || ilen > uint64(len(value)-a-b) {
		return 0, nil, nil, sqlerr.New(sqlerr.DataCorrupted, "a stored row of a window is malformed")
	}
	return int(s), value[a+b : a+b+int(ilen)], value[a+b+int(ilen):], nil
}

func appendWinStored(dst []byte, slen uint32, in, res []byte) []byte {
	dst = binary.AppendUvarint(binary.AppendUvarint(dst, uint64(slen)), uint64(len(in)))
	return append(append(dst, in...), res...)
}

// take adds a stored row to a page.
func (p *winPages) take(pg *winPage, key, value []byte) error {
	slen, in, res, err := winStored(key, value)
	if err != nil {
		return err
	}
	r := winRow{at: p.data.add2(key, in), slen: uint32(slen), klen: uint32(len(key)), ilen: uint32(len(in)), olen: noOutput}
	if len(res) > 0 {
		r.out, r.olen = p.data.add(res), uint32(len(res))
	}
	pg.rows = append(pg.rows, r)
	p.in++
	return nil
}

// load finds the pages of a partition, and keeps their rows while there is memory.
func (w *overWindow) load(g *winGroup) error {
	p := g.winPages
	p.pages, g.loaded, g.done = []winPage{{loaded: true}}, true, 0
	if err := w.table.Scan(g.vnode, g.prefix, func(key, value []byte) (bool, error) {
		key = key[len(g.prefix):]
		pg := &p.pages[len(p.pages)-1]
		if pg.n == winPageRows {
			slen, _, _, err := winStored(key, value)
			if err != nil {
				return false, err
			}
			if w.short(p) {
				w.shed(p, func(int) bool { return false })
				w.tidy()
			}
			p.pages = append(p.pages, winPage{low: bytes.Clone(key), lowLen: uint32(slen), loaded: true})
			pg = &p.pages[len(p.pages)-1]
		}
		pg.n++
		err := p.take(pg, key, value)
		if err == nil && pg.rows[len(pg.rows)-1].olen != noOutput {
			g.done++
		}
		return true, err
	}); err != nil {
		return err
	}
	p.count()
	return nil
}

// loadPage reads a page back.
func (w *overWindow) loadPage(p *winPages, k int) error {
	g, pg := p.group, &p.pages[k]
	var end []byte
	if k+1 < len(p.pages) {
		end = p.pages[k+1].low
	}
	pg.rows = make([]winRow, 0, pg.n)
	from := append(slices.Clone(g.prefix), pg.low...)
	if err := w.table.ScanFrom(g.vnode, g.prefix, from, func(key, value []byte) (bool, error) {
		key = key[len(g.prefix):]
		if end != nil && bytes.Compare(key, end) >= 0 {
			return false, nil
		}
		return true, p.take(pg, key, value)
	}); err != nil {
		return err
	}
	if len(pg.rows) != pg.n {
		return sqlerr.New(sqlerr.DataCorrupted, "a window's partition has %d rows where there were %d", len(pg.rows), pg.n)
	}
	pg.loaded = true
	return nil
}

// short reports whether memory is, with what p holds.
func (w *overWindow) short(p *winPages) bool {
	w.memory.report(w.bytes() + p.bytes())
	return w.memory.over()
}

// shed drops the rows of pages from memory but for those to keep. Rows that wait
// for their results are stored without.
func (w *overWindow) shed(p *winPages, keep func(k int) bool) {
	for k := range p.pages {
		pg := &p.pages[k]
		if !pg.loaded || keep(k) {
			continue
		}
		for i := range pg.rows {
			r := &pg.rows[i]
			if r.olen == noOutput {
				w.storeWaiting(p.group, r)
			}
			w.data.free(r.size())
		}
		p.in -= len(pg.rows)
		pg.rows, pg.loaded = nil, false
	}
}

// g0 is a slice that appending to copies.
func g0(b []byte) []byte { return b[:len(b):len(b)] }

// bytes is the memory of the pages beside the arena.
func (p *winPages) bytes() int64 { return int64(32*p.in + 128*len(p.pages)) }
