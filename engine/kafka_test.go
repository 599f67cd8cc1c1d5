package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"streamdb/engine"
)

// TestKafkaExactlyOnce: a view over a topic counts every record once, across
// restarts, records that cannot be decoded, and partitions at different offsets.
func TestKafkaExactlyOnce(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	count, total := 0, 0
	produce := func(n int) {
		t.Helper()
		for i := range n {
			total += i
			count++
			r := &kgo.Record{Topic: "orders", Partition: int32(i % 3), Value: fmt.Appendf(nil, `{"id": %d, "amount": %d}`, count, i)}
			if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Partition: 1, Value: []byte(`{"id": "x"}`)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, engine.Options{})
	rows := func(sql string) string {
		t.Helper()
		c := s.connect(t)
		defer c.Close(t.Context())
		res, err := c.Exec(t.Context(), sql).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		var out []string
		for _, r := range res[len(res)-1].Rows {
			var cells []string
			for _, v := range r {
				cells = append(cells, string(v))
			}
			out = append(out, strings.Join(cells, " "))
		}
		return strings.Join(out, "; ")
	}
	await := func(sql, want string) {
		t.Helper()
		got := ""
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if got = rows(sql); got == want {
				return
			}
		}
		t.Fatalf("%s: %s, want %s", sql, got, want)
	}
	produce(30)
	rows(fmt.Sprintf(`CREATE SOURCE orders (id bigint, amount bigint) WITH (connector = 'kafka', topic = 'orders',
		properties.bootstrap.server = '%s') FORMAT PLAIN ENCODE JSON`, strings.Join(cluster.ListenAddrs(), ",")))
	rows("CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n, sum(amount) AS total FROM orders")
	await("SELECT n, total FROM totals", fmt.Sprint(count, " ", total))
	for round := range 3 {
		produce(20)
		if round != 1 {
			await("SELECT n, total FROM totals", fmt.Sprint(count, " ", total))
		}
		if err := s.restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		produce(10)
		await("SELECT n, total FROM totals", fmt.Sprint(count, " ", total))
	}
	await("SELECT count(*), count(DISTINCT \"offset\") FROM streamdb.quarantine", "7 7")
	if got, want := rows("SELECT sum(\"offset\") FROM streamdb.source_splits"), fmt.Sprint(count+7); got != want {
		t.Errorf("offsets add up to %s, want %s", got, want)
	}
}
