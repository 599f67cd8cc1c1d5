package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestKafkaKills: a topic is written to while the server that reads it is killed
// again and again. Its offsets are found again exactly: every record is counted
// once, by a view and by a table behind a sink, which takes each epoch once however
// often its delivery was cut off; and at every start all three and the offsets are
// of one moment.
func TestKafkaKills(t *testing.T) {
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

	s := newServer(t, "-log-level", "warn", "-barrier-interval", "10ms", "-checkpoint-interval", "50ms")
	s.start()
	c := s.connect()
	s.exec(c, fmt.Sprintf(`CREATE SOURCE orders (id bigint, amount bigint) WITH (connector = 'kafka', topic = 'orders',
		properties.bootstrap.server = '%s') FORMAT PLAIN ENCODE JSON`, strings.Join(cluster.ListenAddrs(), ",")))
	s.exec(c, "CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n, coalesce(sum(amount), 0) AS total, count(DISTINCT id) AS ids FROM orders")
	s.exec(c, "CREATE TABLE copied (id bigint PRIMARY KEY, amount bigint)")
	s.exec(c, "CREATE SINK copying INTO copied AS SELECT id, amount FROM orders")

	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 5))
	const records = 3000
	var want int64
	var producer sync.WaitGroup
	producer.Go(func() {
		for i := range records {
			r := &kgo.Record{Topic: "orders", Partition: int32(i % 3), Value: fmt.Appendf(nil, `{"id": %d, "amount": %d}`, i, i%100)}
			want += int64(i % 100)
			if i%20 > 0 {
				client.Produce(context.Background(), r, nil)
			} else if err := client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
				t.Error(err)
				return
			} else {
				time.Sleep(5 * time.Millisecond)
			}
		}
		if err := client.Flush(context.Background()); err != nil {
			t.Error(err)
		}
	})
	look := func() (n, total int64) {
		t.Helper()
		var ids, copied, copiedTotal, offsets int64
		err := c.QueryRow(context.Background(), `SELECT n, total::bigint, ids, (SELECT count(*) FROM copied), (SELECT coalesce(sum(amount), 0) FROM copied)::bigint,
			(SELECT coalesce(sum("offset"), 0) FROM streamdb.source_splits)::bigint FROM totals`, pgx.QueryExecModeSimpleProtocol).
			Scan(&n, &total, &ids, &copied, &copiedTotal, &offsets)
		if err != nil {
			t.Fatal(err)
		}
		if ids != n || copied != n || copiedTotal != total || offsets != n {
			t.Fatalf("%d records of %d ids, sum %d; %d copied, sum %d; the offsets say %d", n, ids, total, copied, copiedTotal, offsets)
		}
		return n, total
	}
	const kills = 4
	for range kills {
		time.Sleep(time.Duration(rng.Int64N(int64(250 * time.Millisecond))))
		s.kill()
		s.start()
		c = s.connect()
		look()
	}
	producer.Wait()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		n, total := look()
		if n == records {
			if total != want {
				t.Fatalf("sum %d, want %d", total, want)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d records of %d are counted", n, records)
		}
	}
	t.Logf("%d records, %d kills", records, kills)
}
