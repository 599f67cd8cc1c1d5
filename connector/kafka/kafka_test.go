package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"streamdb/connector"
	"streamdb/internal/sqlerr"
	"streamdb/types"
	"streamdb/vec"
)

// broker is a fake cluster with the topic t of two partitions.
type broker struct {
	t      *testing.T
	addrs  string
	client *kgo.Client
}

func start(t *testing.T) *broker {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "t"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &broker{t, strings.Join(cluster.ListenAddrs(), ","), client}
}

func (b *broker) produce(partition int32, values ...string) {
	b.t.Helper()
	for _, v := range values {
		r := b.client.ProduceSync(b.t.Context(), &kgo.Record{Topic: "t", Partition: partition, Value: []byte(v)})
		if err := r.FirstErr(); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *broker) config(options ...string) connector.Config {
	cfg := connector.Config{
		Name: "k", Format: "PLAIN", Encode: "JSON",
		Options: map[string]string{"topic": "t", "properties.bootstrap.server": b.addrs},
		Schema:  types.Schema{{Name: "a", Type: types.Of(types.Int8)}},
	}
	for i := 0; i < len(options); i += 2 {
		cfg.Options[options[i]] = options[i+1]
	}
	return cfg
}

func (b *broker) open(options ...string) connector.Source {
	b.t.Helper()
	src, err := Def().OpenSource(b.t.Context(), b.config(options...))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { src.Close() })
	return src
}

func (b *broker) splits(src connector.Source) []connector.Split {
	b.t.Helper()
	splits, err := src.Splits(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return splits
}

// read reads n rows or bad elements of a split, at most max at a time.
func (b *broker) read(src connector.Source, split connector.Split, offset int64, n, max int) (rows []string, next int64) {
	b.t.Helper()
	r, err := src.Open(b.t.Context(), split, offset, []int{0})
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	next = offset
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	for len(rows) < n {
		c := &connector.Chunk{Cols: []*vec.Builder{vec.NewBuilder(types.LInt64, 0)}, Next: next}
		if err := r.Read(ctx, c, max); err != nil {
			b.t.Fatal(err)
		}
		for i, off := range c.Offsets {
			rows = append(rows, fmt.Sprint(off, ":", c.Cols[0].I64[i]))
		}
		for _, bad := range c.Bad {
			rows = append(rows, fmt.Sprint(bad.Offset, ":", sqlerr.Code(bad.Err)))
		}
		next = c.Next
		if len(c.Offsets) == 0 && len(c.Bad) == 0 {
			select {
			case <-r.Wake():
			case <-ctx.Done():
				b.t.Fatalf("only %v came", rows)
			}
		}
	}
	return rows, next
}

func TestReadAndResume(t *testing.T) {
	b := start(t)
	b.produce(0, `{"a":1}`, `{"a":2}`, `x`, `{"a":3}`)
	b.produce(1, `{"a":9}`)
	src := b.open()
	splits := b.splits(src)
	if len(splits) != 2 || splits[0].ID != "0" || splits[0].End != 4 || splits[1].End != 1 {
		t.Fatalf("splits %+v", splits)
	}
	rows, next := b.read(src, splits[0], splits[0].Start, 2, 1)
	if want := []string{"0:1", "1:2"}; !slices.Equal(rows, want) || next != 2 {
		t.Errorf("got %v up to %d, want %v", rows, next, want)
	}
	b.produce(0, `{"a":4}`)
	rows, next = b.read(src, splits[0], next, 3, 100)
	slices.Sort(rows)
	if want := []string{"2:22P02", "3:3", "4:4"}; !slices.Equal(rows, want) || next != 5 {
		t.Errorf("resumed: got %v up to %d, want %v", rows, next, want)
	}
}

func TestStartupModes(t *testing.T) {
	b := start(t)
	b.produce(0, `{"a":1}`, `{"a":2}`)
	mark := time.Now().Add(10 * time.Millisecond)
	time.Sleep(20 * time.Millisecond)
	b.produce(0, `{"a":3}`)
	for _, c := range []struct {
		options []string
		start   int64
	}{
		{nil, 0},
		{[]string{"scan.startup.mode", "latest"}, 3},
		{[]string{"scan.startup.mode", "timestamp", "scan.startup.timestamp.millis", fmt.Sprint(mark.UnixMilli())}, 2},
		{[]string{"scan.startup.mode", "timestamp", "scan.startup.timestamp.millis", fmt.Sprint(mark.Add(time.Hour).UnixMilli())}, 3},
	} {
		src := b.open(c.options...)
		if got := b.splits(src)[0].Start; got != c.start {
			t.Errorf("%v: begins at %d, want %d", c.options, got, c.start)
		}
		b.produce(1, `{"a":0}`)
		if got := b.splits(src)[0].Start; got != c.start {
			t.Errorf("%v: the start moved to %d", c.options, got)
		}
	}
}

func TestNewPartitions(t *testing.T) {
	b := start(t)
	src := b.open("scan.startup.mode", "latest")
	b.splits(src)
	req := kmsg.NewPtrCreatePartitionsRequest()
	topic := kmsg.NewCreatePartitionsRequestTopic()
	topic.Topic, topic.Count = "t", 3
	req.Topics = append(req.Topics, topic)
	if _, err := req.RequestWith(t.Context(), b.client); err != nil {
		t.Fatal(err)
	}
	b.client.ForceMetadataRefresh()
	deadline := time.Now().Add(10 * time.Second)
	for len(b.splits(src)) < 3 {
		if time.Now().After(deadline) {
			t.Fatal("the new partition is not found")
		}
		time.Sleep(10 * time.Millisecond)
	}
	splits := b.splits(src)
	if splits[2].ID != "2" || splits[2].Start != 0 {
		t.Errorf("the new partition is %+v", splits[2])
	}
}

func TestMissingTopic(t *testing.T) {
	b := start(t)
	src := b.open("topic", "nothing")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := src.Splits(ctx); err == nil {
		t.Error("a topic that does not exist has splits")
	}
}

func TestOptions(t *testing.T) {
	b := &broker{addrs: "localhost:1"}
	for _, c := range []struct {
		options []string
		want    string
	}{
		{nil, ""},
		{[]string{"scan.startup.mode", "middle"}, "22023"},
		{[]string{"scan.startup.mode", "timestamp"}, "22023"},
		{[]string{"scan.startup.timestamp.millis", "5"}, "22023"},
		{[]string{"properties.security.protocol", "NONE"}, "22023"},
		{[]string{"properties.security.protocol", "SASL_SSL", "properties.sasl.mechanism", "GSSAPI"}, "0A000"},
	} {
		if got := sqlerr.Code(Def().Check(b.config(c.options...))); got != c.want {
			t.Errorf("%v: %s, want %s", c.options, got, c.want)
		}
	}
}
