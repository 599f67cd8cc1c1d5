package engine_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// tpch is a small instance of the TPC-H tables: the same columns and kinds of
// values, other distributions, so that a thousand rows give every query some.
type tpch struct {
	*rand.Rand
	rows map[string][]string // by table, as literals
}

// loading says how the rows get into the tables.
type loading int

const (
	final loading = iota // one INSERT per table
	noisy                // piece by piece, with rows that change and go again
)

// tpchTables in an order in which no row precedes what it refers to.
var tpchTables = []string{"region", "nation", "supplier", "part", "partsupp", "customer", "orders", "lineitem"}

var tpchRegions = []string{"AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"}

var tpchNations = []struct {
	name   string
	region int
}{
	{"KENYA", 0}, {"EGYPT", 0}, {"BRAZIL", 1}, {"CANADA", 1}, {"PERU", 1}, {"CHINA", 2}, {"INDIA", 2}, {"JAPAN", 2},
	{"FRANCE", 3}, {"GERMANY", 3}, {"RUSSIA", 3}, {"IRAN", 4}, {"JORDAN", 4},
}

const (
	tpchSuppliers = 25
	tpchParts     = 80
	tpchCustomers = 60
	tpchOrders    = 400
)

func newTPCH(seed uint64) *tpch {
	d := &tpch{rand.New(rand.NewPCG(seed, 22)), map[string][]string{}}
	for i, r := range tpchRegions {
		d.add("region", "(%d, '%s', 'r%d')", i, r, i)
	}
	for i, n := range tpchNations {
		d.add("nation", "(%d, '%s', %d, 'n%d')", i, n.name, n.region, i)
	}
	for i := range tpchSuppliers {
		note := d.pick("quiet deposits", "Customer slow Complaints", "even packages")
		d.add("supplier", "(%d, 'Supplier#%03d', 'street %d', %d, '%s', %s, '%s')", i, i, d.IntN(90), d.IntN(len(tpchNations)), d.phone(), d.money(-900, 9000), note)
	}
	for i := range tpchParts {
		d.add("part", "(%d, '%s %s', 'Manufacturer#%d', 'Brand#%d%d', '%s %s %s', %d, '%s %s', %s, 'p%d')", i,
			d.pick("forest", "green", "almond", "blue"), d.pick("green", "lace", "navy"), 1+d.IntN(5), 1+d.IntN(4), 1+d.IntN(5),
			d.pick("PROMO", "ECONOMY", "MEDIUM", "STANDARD"), d.pick("POLISHED", "PLATED", "ANODIZED"), d.pick("BRASS", "STEEL", "TIN"),
			d.pickInt(49, 14, 23, 45, 19, 3, 36, 9, 15), d.pick("SM", "MED", "LG"), d.pick("BOX", "BAG", "CASE", "PACK", "PKG"), d.money(900, 2000), i)
		for _, s := range d.Perm(tpchSuppliers)[:4] {
			d.add("partsupp", "(%d, %d, %d, %s, 'ps')", i, s, 1+d.IntN(999), d.money(1, 1000))
		}
	}
	for i := range tpchCustomers {
		d.add("customer", "(%d, 'Customer#%03d', 'road %d', %d, '%s', %s, '%s', 'c%d')", i, i, d.IntN(90), d.IntN(len(tpchNations)), d.phone(), d.money(-900, 9000),
			d.pick("BUILDING", "AUTOMOBILE", "MACHINERY"), i)
	}
	for i := range tpchOrders {
		day := d.IntN(2400)
		d.add("orders", "(%d, %d, '%s', %s, %s, '%s', 'Clerk#%d', 0, '%s')", i, d.IntN(tpchCustomers*2/3), d.pick("F", "O", "P"), d.money(900, 300000), tpchDate(day),
			d.pick("1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"), d.IntN(9), d.pick("special quick requests", "bold packages", "special deposits"))
		for line := range 1 + d.IntN(7) {
			ship := day + 1 + d.IntN(120)
			d.add("lineitem", "(%d, %d, %d, %d, %d, %s, 0.%02d, 0.%02d, '%s', '%s', %s, %s, %s, '%s', '%s', 'l')", i, d.IntN(tpchParts), d.IntN(tpchSuppliers), line+1,
				1+d.IntN(50), d.money(900, 90000), d.IntN(11), d.IntN(9), d.pick("R", "A", "N"), d.pick("O", "F"),
				tpchDate(ship), tpchDate(day+30+d.IntN(60)), tpchDate(ship+1+d.IntN(30)),
				d.pick("DELIVER IN PERSON", "COLLECT COD", "NONE"), d.pick("MAIL", "SHIP", "AIR", "AIR REG", "RAIL"))
		}
	}
	return d
}

func (d *tpch) add(table, format string, args ...any) {
	d.rows[table] = append(d.rows[table], fmt.Sprintf(format, args...))
}

func (d *tpch) pick(xs ...string) string { return xs[d.IntN(len(xs))] }

func (d *tpch) pickInt(xs ...int) int { return xs[d.IntN(len(xs))] }

func (d *tpch) money(from, to int) string {
	return fmt.Sprintf("%d.%02d", from+d.IntN(to-from), d.IntN(100))
}

func (d *tpch) phone() string {
	return fmt.Sprintf("%d-%03d-%04d", d.pickInt(13, 31, 23, 29, 11, 10), d.IntN(1000), d.IntN(10000))
}

// tpchDate is a date, in days after the first of 1992.
func tpchDate(day int) string {
	return fmt.Sprintf("date '1992-01-01' + %d", day)
}

// load are the statements that fill the tables. Noisy ends with the same rows.
func (d *tpch) load(how loading) []string {
	if how == final {
		var out []string
		for _, t := range tpchTables {
			out = append(out, "insert into "+t+" values "+strings.Join(d.rows[t], ", "))
		}
		return out
	}
	// Pieces of all tables come in random order: a line before its order, say.
	var pieces []string
	for _, t := range tpchTables {
		rows := d.rows[t]
		for len(rows) > 0 {
			n := min(len(rows), 1+d.IntN(200))
			pieces = append(pieces, "insert into "+t+" values "+strings.Join(rows[:n], ", "))
			rows = rows[n:]
		}
	}
	d.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
	// Between them everything is moved and moved back.
	there := []string{
		"update lineitem set l_quantity = l_quantity + 1000, l_orderkey = l_orderkey + 100000",
		"update partsupp set ps_supplycost = ps_supplycost - 5000",
		"update customer set c_custkey = c_custkey + 1000 where c_custkey % 3 = 0",
		"update supplier set s_nationkey = s_nationkey + 1",
		"update orders set o_orderdate = o_orderdate - 1000",
		"update part set p_brand = 'x' || p_brand, p_size = -p_size",
	}
	back := []string{
		"update lineitem set l_quantity = l_quantity - 1000, l_orderkey = l_orderkey - 100000 where l_orderkey >= 100000",
		"update partsupp set ps_supplycost = ps_supplycost + 5000 where ps_supplycost < -1000",
		"update customer set c_custkey = c_custkey - 1000 where c_custkey >= 1000",
		"update supplier set s_nationkey = s_nationkey - 1",
		"update orders set o_orderdate = o_orderdate + 1000",
		"update part set p_brand = substr(p_brand, 2), p_size = -p_size where p_brand like 'x%'",
	}
	var out []string
	for i, p := range pieces {
		out = append(out, p)
		if k := i % 3; k == 0 {
			n := d.IntN(len(there))
			// What moves by keys alone goes back at once: pieces still to come must not meet it.
			out = append(out, there[n], back[n])
		}
	}
	return out
}
