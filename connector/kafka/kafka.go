package kafka

import (
	"context"
	"crypto/tls"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"streamdb/connector"
	"streamdb/connector/format"
	"streamdb/internal/sqlerr"
)

// Def is the connector.
func Def() *connector.Def {
	return &connector.Def{
		Name: "kafka",
		Doc:  "A topic of Kafka; each partition is a split.",
		SourceOptions: []connector.Option{
			{Name: "topic", Required: true, Doc: "the topic"},
			{Name: "properties.bootstrap.server", Required: true, Doc: "brokers, as host:port,host:port"},
			{Name: "scan.startup.mode", Default: "earliest", Doc: "earliest, latest or timestamp: where a partition without a committed offset begins"},
			{Name: "scan.startup.timestamp.millis", Doc: "with mode timestamp: milliseconds since 1970"},
			{Name: "properties.security.protocol", Default: "PLAINTEXT", Doc: "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"},
			{Name: "properties.sasl.mechanism", Doc: "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"},
			{Name: "properties.sasl.username", Doc: "user"},
			{Name: "properties.sasl.password", Doc: "password"},
			{Name: "properties.client.id", Default: "streamdb", Doc: "name of the client in the brokers' logs"},
			{Name: "properties.group.id", Doc: "accepted and not used: offsets are kept by streamdb"},
		},
		Formats:    []string{"PLAIN JSON", "PLAIN CSV"},
		Check:      func(cfg connector.Config) error { _, err := parse(cfg); return err },
		OpenSource: open,
	}
}

type options struct {
	topic string
	mode  string
	since int64 // ms
	kgo   []kgo.Opt
}

func parse(cfg connector.Config) (*options, error) {
	o := &options{topic: cfg.Text("topic", ""), mode: strings.ToLower(cfg.Text("scan.startup.mode", "earliest"))}
	bad := func(text string, args ...any) error {
		return sqlerr.New(sqlerr.InvalidParameterValue, text, args...)
	}
	since := cfg.Text("scan.startup.timestamp.millis", "")
	switch o.mode {
	case "earliest", "latest":
		if since != "" {
			return nil, bad("scan.startup.timestamp.millis needs scan.startup.mode = 'timestamp'")
		}
	case "timestamp":
		var err error
		if o.since, err = strconv.ParseInt(since, 10, 64); err != nil {
			return nil, bad("scan.startup.timestamp.millis must be an integer, not %q", since)
		}
	default:
		return nil, bad("scan.startup.mode must be earliest, latest or timestamp, not %q", o.mode)
	}
	o.kgo = []kgo.Opt{
		kgo.SeedBrokers(strings.Split(strings.ReplaceAll(cfg.Text("properties.bootstrap.server", ""), " ", ""), ",")...),
		kgo.ClientID(cfg.Text("properties.client.id", "streamdb")),
	}
	protocol := strings.ToUpper(cfg.Text("properties.security.protocol", "PLAINTEXT"))
	switch protocol {
	case "PLAINTEXT", "SASL_PLAINTEXT":
	case "SSL", "SASL_SSL":
		o.kgo = append(o.kgo, kgo.DialTLSConfig(&tls.Config{MinVersion: tls.VersionTLS12}))
	default:
		return nil, bad("properties.security.protocol cannot be %q", protocol)
	}
	if strings.HasPrefix(protocol, "SASL") {
		user, password := cfg.Text("properties.sasl.username", ""), cfg.Text("properties.sasl.password", "")
		switch mechanism := strings.ToUpper(cfg.Text("properties.sasl.mechanism", "PLAIN")); mechanism {
		case "PLAIN":
			o.kgo = append(o.kgo, kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism()))
		case "SCRAM-SHA-256":
			o.kgo = append(o.kgo, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha256Mechanism()))
		case "SCRAM-SHA-512":
			o.kgo = append(o.kgo, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha512Mechanism()))
		default:
			return nil, sqlerr.Unsupported("SASL mechanism %s", mechanism)
		}
	}
	if format.HasHeader(cfg) {
		return nil, bad("messages of a topic have no header: without_header must be true")
	}
	return o, format.Check(cfg)
}

// source is an opened topic. Its client only lists; each reader has its own.
type source struct {
	o      *options
	cfg    connector.Config
	client *kgo.Client

	mu    sync.Mutex
	start map[int32]int64 // where partitions begin that were there at the first listing
}

func open(_ context.Context, cfg connector.Config) (connector.Source, error) {
	o, err := parse(cfg)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(o.kgo...)
	if err != nil {
		return nil, err
	}
	return &source{o: o, cfg: cfg, client: client}, nil
}

func (s *source) Close() error {
	s.client.Close()
	return nil
}

// The times that ListOffsets understands.
const (
	latest   = -1
	earliest = -2
)

// Splits lists the partitions. Those that appear later begin at their first
// message, whatever the startup mode says.
func (s *source) Splits(ctx context.Context) ([]connector.Split, error) {
	partitions, err := s.partitions(ctx)
	if err != nil {
		return nil, err
	}
	ends, err := s.offsets(ctx, partitions, latest)
	if err != nil {
		return nil, err
	}
	first, err := s.offsets(ctx, partitions, earliest)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.start == nil {
		start := first
		switch s.o.mode {
		case "latest":
			start = ends
		case "timestamp":
			if start, err = s.offsets(ctx, partitions, s.o.since); err != nil {
				return nil, err
			}
			for p, off := range start {
				if off < 0 { // nothing that new
					start[p] = ends[p]
				}
			}
		}
		s.start = start
	}
	splits := make([]connector.Split, len(partitions))
	for i, p := range partitions {
		start, ok := s.start[p]
		if !ok {
			start = first[p]
			s.start[p] = start
		}
		splits[i] = connector.Split{ID: strconv.Itoa(int(p)), Start: start, End: ends[p]}
	}
	return splits, nil
}

func (s *source) partitions(ctx context.Context) ([]int32, error) {
	req := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(s.o.topic)
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, s.client)
	if err != nil {
		return nil, err
	}
	var ids []int32
	for _, t := range resp.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return nil, fmt.Errorf("topic %s: %w", s.o.topic, err)
		}
		for _, p := range t.Partitions {
			ids = append(ids, p.Partition)
		}
	}
	sort.Slice(ids, func(a, b int) bool { return ids[a] < ids[b] })
	return ids, nil
}

// offsets asks for the first offset of each partition at or after a time.
func (s *source) offsets(ctx context.Context, partitions []int32, millis int64) (map[int32]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = s.o.topic
	for _, p := range partitions {
		part := kmsg.NewListOffsetsRequestTopicPartition()
		part.Partition, part.Timestamp = p, millis
		topic.Partitions = append(topic.Partitions, part)
	}
	req.Topics = append(req.Topics, topic)
	out := map[int32]int64{}
	for _, shard := range s.client.RequestSharded(ctx, req) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return nil, fmt.Errorf("partition %d of topic %s: %w", p.Partition, s.o.topic, err)
				}
				out[p.Partition] = p.Offset
			}
		}
	}
	return out, nil
}

func (s *source) Open(_ context.Context, split connector.Split, offset int64, cols []int) (connector.Reader, error) {
	partition, err := strconv.ParseInt(split.ID, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("there is no partition %q", split.ID)
	}
	dec, err := format.New(s.cfg, cols)
	if err != nil {
		return nil, err
	}
	opts := append(append([]kgo.Opt{}, s.o.kgo...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{s.o.topic: {int32(partition): kgo.NewOffset().At(offset)}}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // a hole in the topic is an error, not a jump
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(8<<20), kgo.FetchMaxPartitionBytes(4<<20), kgo.MaxConcurrentFetches(1),
	)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, err
	}
	return newReader(client, dec), nil
}
