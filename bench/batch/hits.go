package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// civil is the date so many days after the first of 1970.
func civil(days int) string {
	return time.Unix(int64(days)*86400, 0).UTC().Format(time.DateOnly)
}

// rare is one of n values, of which the first are by far the most frequent.
func (d dice) rare(n int) int {
	return int(math.Exp(d.Float64()*math.Log(float64(n+1)))) - 1
}

// seldom is a number of [1, n] in one row of every, else 0.
func (d dice) seldom(every, n int) int {
	if d.IntN(every) > 0 {
		return 0
	}
	return d.between(1, n)
}

// hits makes a wide table of page views of one month: few columns say much, strings
// and users are skewed, many columns are nearly always zero.
func hits(n int) data {
	d := dice{rand.New(rand.NewPCG(22, 2))}
	t := &table{name: "hits"}
	begin := time.Date(2013, 7, 1, 0, 0, 0, 0, time.UTC)
	sites, phrases := make([]string, 2000), make([]string, 5000)
	for i := range sites {
		site := strings.ReplaceAll(d.words(14), " ", "-")
		if i%37 == 5 {
			site = "google." + site
		}
		sites[i] = "http://" + strings.ToLower(site) + ".example/"
	}
	for i := range phrases {
		phrases[i] = d.words(d.between(5, 40))
	}
	widths := [][2]int{{1366, 768}, {1920, 1080}, {1280, 1024}, {1024, 768}, {1638, 1658}, {1297, 1900}}
	for i := range n {
		at := begin.Add(time.Duration(d.IntN(31*86400)) * time.Second)
		user := 1000 + d.rare(n/5+10)
		w := widths[d.rare(len(widths))]
		url := fmt.Sprintf("%s%s/%d.html", sites[d.rare(len(sites))], strings.ReplaceAll(d.words(8), " ", "_"), d.rare(5000))
		referer, phrase, model := "", "", ""
		if d.IntN(3) > 0 {
			referer = sites[d.rare(len(sites))] + d.words(6)
		}
		if d.IntN(8) == 0 {
			phrase = phrases[d.rare(len(phrases))]
		}
		if d.IntN(20) == 0 {
			model = d.pick([]string{"iPad", "iPhone", "GT-I9300", "Nexus"})
		}
		t.add(int64(d.Uint64()>>12)<<10+int64(i%1024), d.IntN(2), d.words(d.between(20, 70)), 1, at.Format(time.DateTime), at.Format(time.DateOnly),
			d.rare(6000), int32(user*2654435761), d.rare(3000), user, d.IntN(3), d.IntN(60), d.IntN(80),
			url, referer, d.seldom(8, 1), d.rare(9), d.rare(300), d.rare(99),
			d.rare(300), w[0], w[1], d.pick([]string{"23", "32", "15"}), d.IntN(12),
			d.IntN(8), d.seldom(4, 5), d.seldom(4, 5), d.IntN(40), d.pick([]string{"D", "nA", "0", "3f"}),
			1, 1, d.seldom(20, 1), d.seldom(20, 90), model,
			"", d.rare(4000000), d.IntN(10)-1, d.seldom(12, 80), phrase,
			d.seldom(15, 60), 0, d.IntN(2000), d.IntN(1200),
			d.IntN(24)-12, at.Add(time.Duration(d.IntN(7200))*time.Second).Format(time.DateTime), "utf-8", d.IntN(1600), d.seldom(9, 1),
			d.seldom(300, 1), d.seldom(5, 1), d.IntN(1<<30), 0, d.seldom(50, 1), d.seldom(80, 1),
			d.seldom(40, 1), d.IntN(2), d.IntN(6)*10, d.IntN(3), d.IntN(4), d.IntN(30000),
			d.rare(100), d.IntN(1<<31-1), d.rare(9000), d.rare(9000), d.rare(60), d.pick([]string{"ru", "en", "de", "tr"}),
			d.pick([]string{"RU", "US", "DE", "TR"}), "", d.seldom(500, 404), d.seldom(3, 4000), d.seldom(3, 300), d.seldom(3, 300),
			d.seldom(3, 900), d.seldom(3, 1900), d.seldom(3, 900), int64(d.Uint64()), int64(d.Uint64()), d.rare(90))
	}
	return data{ddl: statements("hits/schema.sql"), tables: []*table{t}}
}

// statements are those of a file, which end with a semicolon.
func statements(path string) []string {
	b, err := texts.ReadFile(path)
	if err != nil {
		panic(err) // it is in the program
	}
	var out []string
	for s := range strings.SplitSeq(string(b), ";\n") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// query is one of the measured ones.
type query struct{ name, about, sql string }

// queries are all of them: q01 to q22 of TPC-H, c01 and on of page views.
func queries() []query {
	var out []query
	for i := 1; i <= 22; i++ {
		name := fmt.Sprintf("q%02d", i)
		out = append(out, query{name, "TPC-H " + name[1:], statements("tpch/" + name + ".sql")[0]})
	}
	for _, s := range statements("hits/queries.sql") {
		head, sql, _ := strings.Cut(s, "\n")
		name, about, _ := strings.Cut(strings.TrimPrefix(head, "-- "), ": ")
		out = append(out, query{name, about, sql})
	}
	return out
}
