package engine

import (
	"container/list"
	"encoding/binary"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"streamdb/catalog"
	"streamdb/catalog/syscat"
	"streamdb/expr"
	"streamdb/planner"
	"streamdb/sql/parse"
	"streamdb/storage"
	"streamdb/types"
)

// statementCache keeps bound statements by their shape, for all sessions: a text
// whose shape is known is neither parsed nor bound, its literals become arguments.
// A statement is kept when its shape comes for the second time, so that those that
// come once cost little. It is bound twice then, with its literals and with
// parameters in their place; the latter is kept only if both have the same plan
// (see planner.Alike), else the former, for the very same literals.
//
//	settings, shape            -> seen once | bound with parameters | not to be bound so
//	settings, shape, literals  -> seen once | bound
type statementCache struct {
	eager bool // for tests: bind at the first time, and use that

	mu      sync.Mutex
	version uint64                   // of the catalog that all entries are of
	entries map[string]*list.Element // of *cachedStatement
	recent  list.List                // the last used first
	bytes   int
	hits    atomic.Int64
	misses  atomic.Int64
}

// cachedStatement is what is known of a key. It is immutable.
type cachedStatement struct {
	key     string
	bytes   int       // a guess
	made    time.Time // plans heed the sizes of tables
	literal bool      // not to be bound with parameters
	prep    *Prepared // nil: seen once
	own     int       // parameters of the statement; those of its literals come behind them
	// reads are what has to be computed of the literals without an error.
	reads []expr.Expr
}

const (
	statementCacheBytes = 16 << 20
	// cachedPlanAge is how long a plan is used though the tables may have grown.
	cachedPlanAge = 10 * time.Second
)

func newStatementCache(eager bool) *statementCache {
	return &statementCache{eager: eager, entries: map[string]*list.Element{}}
}

// get finds an entry for a version of the catalog. With a new version all begins
// anew; a transaction with an old catalog gets nothing.
func (c *statementCache) get(key []byte, version uint64) *cachedStatement {
	c.mu.Lock()
	defer c.mu.Unlock()
	if version > c.version {
		c.version, c.bytes = version, 0
		clear(c.entries)
		c.recent.Init()
	}
	at := c.entries[string(key)]
	if at == nil || version < c.version {
		return nil
	}
	c.recent.MoveToFront(at)
	return at.Value.(*cachedStatement)
}

// put adds or replaces an entry, and drops those that were not used for longest.
func (c *statementCache) put(e *cachedStatement, version uint64) {
	e.bytes = 256 + 2*len(e.key)
	if e.prep != nil {
		e.bytes += 4096 + 64*len(e.prep.stmt.Text())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if version != c.version {
		return
	}
	if old := c.entries[e.key]; old != nil {
		c.bytes -= old.Value.(*cachedStatement).bytes
		c.recent.Remove(old)
	}
	c.entries[e.key] = c.recent.PushFront(e)
	for c.bytes += e.bytes; c.bytes > statementCacheBytes; {
		last := c.recent.Back()
		dropped := c.recent.Remove(last).(*cachedStatement)
		delete(c.entries, dropped.key)
		c.bytes -= dropped.bytes
	}
}

// statementCacheTable: how many statements the cache keeps, with those that came
// once, about how many bytes that is, how often a statement was in it, and how often
// one was not that might have been.
var statementCacheTable = &runtimeTable{
	name: "statement_cache",
	fill: func(db *DB, _ *catalog.Catalog, _ storage.Snapshot, out *syscat.Rows) error {
		c := db.statements
		c.mu.Lock()
		n, bytes := len(c.entries), c.bytes
		c.mu.Unlock()
		out.Add(int64(n), int64(bytes), c.hits.Load(), c.misses.Load())
		return nil
	},
}

// shape is a statement's shape, and what the cache had for it.
type shape struct {
	parse.Shape
	key     []byte // of the shape; like exact it is valid until the next statement is split
	exact   []byte // of the shape with its literals
	version uint64
	entry   *cachedStatement // nil: not seen before
	whole   bool             // entry is that of exact
	seen    bool             // a text of the shape was parsed before: this one can be, too
	given   []types.T        // the types that the client gives to parameters, which are in key; nil: none
	untyped []byte           // key without them
}

// split finds the shape of a text; nil: it has none.
func (s *Session) split(sql string) *shape {
	now := s.settings.current()
	if !now.cached {
		return nil
	}
	parsed, ok := s.parser.Shape(sql)
	if !ok {
		return nil
	}
	sh := &shape{Shape: parsed, version: s.catalog().Version}
	sh.key = append(append(append(append(s.cacheKey[:0], s.info.User...), 0), now.plan...), parsed.Key...)
	s.cacheKey = sh.key
	s.findShape(sh)
	return sh
}

// findShape looks a shape up.
func (s *Session) findShape(sh *shape) {
	c := s.db.statements
	sh.entry, sh.whole = c.get(sh.key, sh.version), false
	sh.seen = sh.seen || sh.entry != nil
	if sh.entry != nil && sh.entry.literal {
		sh.exact = sh.key
		for _, l := range sh.Literals {
			sh.exact = append(append(sh.exact, l.Text...), 0)
		}
		sh.entry, sh.whole = c.get(sh.exact, sh.version), true
	}
}

// typed is the shape of a statement whose parameters the client gives types to.
func (s *Session) typed(sh *shape, given []types.T, oids []uint32) *shape {
	t := *sh
	t.given, t.untyped, t.key = given, sh.key, append(slices.Clone(sh.key), 0xff)
	for _, oid := range oids {
		t.key = binary.BigEndian.AppendUint32(t.key, oid)
	}
	s.findShape(&t)
	return &t
}

// usable says that there is a plan, of the last seconds.
func (e *cachedStatement) usable() bool {
	return e != nil && e.prep != nil && time.Since(e.made) < cachedPlanAge
}

// known is a statement of the cache with the literals of a text; nil: one of them
// cannot be read, so the text has to be bound by itself for what is to be said.
func (s *Session) known(st Statement) *Prepared {
	e := st.shape.entry
	p := &Prepared{stmt: st, params: e.prep.params[:e.own:e.own], cols: e.prep.cols, action: e.prep.action, version: st.shape.version}
	if st.shape.whole || len(st.shape.Literals) == 0 {
		return p
	}
	args, err := s.literals(st.shape, e.prep.params, e.own)
	if err != nil {
		return nil
	}
	if len(e.reads) > 0 {
		ctx := &expr.Ctx{Env: s.Env(), Params: args}
		for _, r := range e.reads {
			if _, err := expr.EvalRow(ctx, r); err != nil {
				return nil
			}
		}
	}
	p.lifted = args
	return p
}

// literals reads a statement's literals as the types that its parameters have;
// there is room for the statement's own parameters in front of them.
func (s *Session) literals(sh *shape, params []types.T, own int) ([]types.Datum, error) {
	args := make([]types.Datum, own+len(sh.Literals))
	for i, l := range sh.Literals {
		var err error
		switch t := params[own+i]; l.Kind {
		case parse.LiteralInt4, parse.LiteralInt8:
			var n int64
			n, err = strconv.ParseInt(l.Text, 10, 64)
			args[own+i] = types.IntDatum(n)
		default:
			args[own+i], err = types.ParseText(t, l.Text, s.Env())
		}
		if err != nil {
			return nil, err
		}
	}
	return args, nil
}

// literalTypes are the types that literals have by themselves.
var literalTypes = [...]types.T{
	parse.LiteralInt4:    types.Of(types.Int4),
	parse.LiteralInt8:    types.Of(types.Int8),
	parse.LiteralNumeric: types.Of(types.Numeric),
	parse.LiteralString:  {},
}

// noteStatement tells the cache of a statement that was parsed and bound. In tests
// it gives the statement of the cache in place of p.
func (s *Session) noteStatement(st Statement, p *Prepared) *Prepared {
	sh, c := st.shape, s.db.statements
	c.misses.Add(1)
	if p.query == nil && p.dml == nil || p.version != sh.version {
		return p
	}
	key := string(sh.key)
	if sh.whole {
		key = string(sh.exact)
	}
	if !sh.seen && sh.untyped != nil {
		c.put(&cachedStatement{key: string(sh.untyped)}, sh.version)
	}
	if sh.entry == nil && !c.eager {
		c.put(&cachedStatement{key: key}, sh.version)
		return p
	}
	e := &cachedStatement{key: key, made: time.Now(), own: len(p.params), prep: p}
	if !sh.whole && len(sh.Literals) > 0 && !s.lift(st, p, e) {
		e.literal, e.prep = true, nil
	}
	c.put(e, sh.version)
	if c.eager && e.prep != nil {
		cached := *sh
		cached.entry = e
		st.shape = &cached
		if q := s.known(st); q != nil {
			c.hits.Add(1)
			return q
		}
	}
	return p
}

// lift binds a statement with parameters in the place of its literals.
func (s *Session) lift(st Statement, p *Prepared, e *cachedStatement) bool {
	stmts, err := s.parser.Parse(st.shape.Lifted())
	if err != nil || len(stmts) != 1 {
		return false
	}
	own := st.Params
	params := make([]types.T, own, own+len(st.shape.Literals))
	copy(params, st.shape.given)
	for _, l := range st.shape.Literals {
		params = append(params, literalTypes[l.Kind])
	}
	lifted := &Prepared{stmt: Statement{Statement: stmts[0]}, params: params, version: p.version}
	if s.analyse(lifted) != nil || len(lifted.params) != cap(params) || len(p.params) != own {
		return false
	}
	for i, t := range p.params {
		if !t.Equal(lifted.params[i]) {
			return false
		}
	}
	args, err := s.literals(st.shape, lifted.params, own)
	if err != nil {
		return false
	}
	ctx := &expr.Ctx{Env: s.Env(), Params: args}
	stands := func(c *expr.Const, by expr.Expr) bool {
		if !ofLiterals(by, own) || !c.T.Equal(by.Type()) {
			return false
		}
		d, err := expr.EvalRow(ctx, by)
		if err != nil || !expr.Equal(c, &expr.Const{Value: d, T: c.T}) {
			return false
		}
		if _, plain := by.(*expr.Param); !plain {
			e.reads = append(e.reads, by)
		}
		return true
	}
	alike := false
	switch {
	case p.query != nil && lifted.query != nil:
		alike = planner.Alike(p.query, lifted.query, stands)
	case p.dml != nil && lifted.dml != nil:
		alike = planner.AlikeDML(p.dml, lifted.dml, stands)
	}
	e.own, e.prep = own, lifted
	return alike && sameColumns(lifted.cols, p.cols)
}

// ofLiterals says that an expression is computed of literals alone, by functions
// that always give the same.
func ofLiterals(e expr.Expr, own int) bool {
	some, only := false, true
	expr.Walk(e, func(x expr.Expr) bool {
		switch x := x.(type) {
		case *expr.Param:
			some, only = true, only && x.Index >= own
		case *expr.Call:
			only = only && x.Def.Volatile == expr.Immutable
		case *expr.Col:
			only = false
		}
		return true
	})
	return some && only
}
