package main

import (
	"embed"
	"fmt"
	"math/rand/v2"
	"strings"
)

//go:embed tpch/*.sql hits/*.sql
var texts embed.FS

// table is one table's rows, in the text format of COPY.
type table struct {
	name string
	rows strings.Builder
	n    int
}

// add appends a row of values, which have neither tabs nor backslashes.
func (t *table) add(values ...any) {
	for i, v := range values {
		if i > 0 {
			t.rows.WriteByte('\t')
		}
		fmt.Fprint(&t.rows, v)
	}
	t.rows.WriteByte('\n')
	t.n++
}

// data is a set of tables with the statement that makes each.
type data struct {
	ddl    []string
	tables []*table
}

var (
	tpchNations = strings.Fields("ALGERIA:0 ARGENTINA:1 BRAZIL:1 CANADA:1 EGYPT:4 ETHIOPIA:0 FRANCE:3 GERMANY:3 INDIA:2 INDONESIA:2 IRAN:4 IRAQ:4 JAPAN:2 " +
		"JORDAN:4 KENYA:0 MOROCCO:0 MOZAMBIQUE:0 PERU:1 CHINA:2 ROMANIA:3 SAUDI_ARABIA:4 VIETNAM:2 RUSSIA:3 UNITED_KINGDOM:3 UNITED_STATES:1")
	tpchRegions    = strings.Fields("AFRICA AMERICA ASIA EUROPE MIDDLE_EAST")
	tpchColours    = strings.Fields("almond antique aquamarine azure beige bisque black blanched blue blush brown burlywood chartreuse coral cream cyan dark dim forest frosted gainsboro ghost goldenrod green grey honeydew hot indian ivory khaki lace lavender lawn lemon light lime linen magenta maroon medium metallic midnight mint misty moccasin navajo navy olive orange orchid pale papaya peach peru pink plum powder puff purple red rose rosy royal saddle salmon sandy seashell sienna sky slate smoke snow spring steel tan thistle tomato turquoise violet wheat white yellow")
	tpchTypes      = [3][]string{strings.Fields("STANDARD SMALL MEDIUM LARGE ECONOMY PROMO"), strings.Fields("ANODIZED BURNISHED PLATED POLISHED BRUSHED"), strings.Fields("TIN NICKEL BRASS STEEL COPPER")}
	tpchContainers = [2][]string{strings.Fields("SM LG MED JUMBO WRAP"), strings.Fields("CASE BOX BAG JAR PKG PACK CAN DRUM")}
	tpchSegments   = strings.Fields("AUTOMOBILE BUILDING FURNITURE MACHINERY HOUSEHOLD")
	tpchPriorities = []string{"1-URGENT", "2-HIGH", "3-MEDIUM", "4-NOT SPECIFIED", "5-LOW"}
	tpchInstructs  = []string{"DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"}
	tpchModes      = []string{"REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"}
	tpchWords      = strings.Fields("furiously sly carefully express blithely regular final ironic even bold silent pending special requests deposits accounts packages foxes ideas theodolites pinto beans instructions dependencies excuses platelets asymptotes courts dolphins sleep wake nag haggle cajole detect boost Customer Complaints among the above along quickly")
)

// dice makes values.
type dice struct{ *rand.Rand }

func (d dice) pick(xs []string) string { return xs[d.IntN(len(xs))] }

// between is a number of [from, to].
func (d dice) between(from, to int) int { return from + d.IntN(to-from+1) }

// words is a text of about n characters.
func (d dice) words(n int) string {
	var b strings.Builder
	for b.Len() < n {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(d.pick(tpchWords))
	}
	return b.String()
}

func (d dice) phone(nation int) string {
	return fmt.Sprintf("%d-%03d-%03d-%04d", 10+nation, d.between(100, 999), d.between(100, 999), d.between(1000, 9999))
}

// cents is an amount of money as text.
func cents(n int) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
}

// tpchDay is a date, in days after the first of 1992.
func tpchDay(n int) string { return civil(8035 + n) }

// tpch makes the tables at a scale, of which 1 is a gigabyte, after the rules of
// TPC-H for keys, domains and distributions; texts are of other words. Below 0.01 its
// rule for the suppliers of a part would name one twice: that is the smallest scale.
func tpch(scale float64) data {
	d := dice{rand.New(rand.NewPCG(22, 1))}
	count := func(n float64) int { return max(int(n*scale), int(n*0.01)) }
	suppliers, parts, customers, orders := count(10_000), count(200_000), count(150_000), count(1_500_000)
	region, nation, supplier, part, partsupp, customer := &table{name: "region"}, &table{name: "nation"}, &table{name: "supplier"}, &table{name: "part"}, &table{name: "partsupp"}, &table{name: "customer"}
	name := func(s string) string { return strings.ReplaceAll(s, "_", " ") }
	for i, r := range tpchRegions {
		region.add(i, name(r), d.words(60))
	}
	for i, n := range tpchNations {
		n, r, _ := strings.Cut(n, ":")
		nation.add(i, name(n), r, d.words(60))
	}
	for i := 1; i <= suppliers; i++ {
		n := d.IntN(25)
		supplier.add(i, fmt.Sprintf("Supplier#%09d", i), d.words(20), n, d.phone(n), cents(d.between(-99999, 999999)), d.words(60))
	}
	for i := 1; i <= parts; i++ {
		maker := d.between(1, 5)
		part.add(i, strings.Join([]string{d.pick(tpchColours), d.pick(tpchColours), d.pick(tpchColours), d.pick(tpchColours), d.pick(tpchColours)}, " "),
			fmt.Sprintf("Manufacturer#%d", maker), fmt.Sprintf("Brand#%d%d", maker, d.between(1, 5)),
			d.pick(tpchTypes[0])+" "+d.pick(tpchTypes[1])+" "+d.pick(tpchTypes[2]), d.between(1, 50),
			d.pick(tpchContainers[0])+" "+d.pick(tpchContainers[1]), cents(price(i)), d.words(12))
		for k := range 4 {
			partsupp.add(i, supplierOf(i, k, suppliers), d.between(1, 9999), cents(d.between(100, 100000)), d.words(120))
		}
	}
	for i := 1; i <= customers; i++ {
		n := d.IntN(25)
		customer.add(i, fmt.Sprintf("Customer#%09d", i), d.words(25), n, d.phone(n), cents(d.between(-99999, 999999)), d.pick(tpchSegments), d.words(70))
	}
	ord, line := tpchOrders(d, orders, customers, parts, suppliers)
	return data{ddl: statements("tpch/schema.sql"), tables: []*table{region, nation, supplier, part, partsupp, customer, ord, line}}
}

// price is a part's price in cents.
func price(part int) int { return 90000 + part/10%20001 + 100*(part%1000) }

// supplierOf is one of the four suppliers of a part.
func supplierOf(part, k, suppliers int) int {
	return (part+k*(suppliers/4+(part-1)/suppliers))%suppliers + 1
}

// tpchOrders makes orders of two thirds of the customers, with their lines.
func tpchOrders(d dice, orders, customers, parts, suppliers int) (ord, line *table) {
	const today = 1264 // 1995-06-17
	ord, line = &table{name: "orders"}, &table{name: "lineitem"}
	for i := range orders {
		key := i/8*32 + i%8 + 1
		who := d.between(1, customers)
		for who%3 == 0 {
			who = d.between(1, customers)
		}
		day, lines, total, open := d.IntN(2406), d.between(1, 7), 0, 0
		for l := range lines {
			p, quantity, discount, tax := d.between(1, parts), d.between(1, 50), d.IntN(11), d.IntN(9)
			amount := quantity * price(p)
			ship, commit := day+d.between(1, 121), day+d.between(30, 90)
			receipt := ship + d.between(1, 30)
			returned, status := "N", "F"
			if receipt <= today {
				returned = d.pick([]string{"R", "A"})
			}
			if ship > today {
				status = "O"
				open++
			}
			total += amount * (100 - discount) / 100 * (100 + tax) / 100
			line.add(key, p, supplierOf(p, d.IntN(4), suppliers), l+1, cents(100*quantity), cents(amount), cents(discount), cents(tax),
				returned, status, tpchDay(ship), tpchDay(commit), tpchDay(receipt), d.pick(tpchInstructs), d.pick(tpchModes), d.words(25))
		}
		status := "P"
		switch open {
		case 0:
			status = "F"
		case lines:
			status = "O"
		}
		ord.add(key, who, status, cents(total), tpchDay(day), d.pick(tpchPriorities), fmt.Sprintf("Clerk#%09d", d.between(1, 1000)), 0, d.words(48))
	}
	return ord, line
}
