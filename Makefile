# Shortcuts. `go test ./...` is the whole gate; the long forms of tests are here.
.PHONY: backfill bank bench bench-batch bench-freshness bench-ingest bench-peers bench-recovery bench-serving build chaos check corpus corpus-all disks fmt fuzz-short groups histories kill law lint matrix overhead race recovery seal sim slt soak test

build:
	go build -o bin/streamdb ./cmd/streamdb

test:
	go test ./...

race:
	go test -race -short ./stream/... ./storage/... ./checkpoint/... ./executor/ ./wire/... ./engine/...

slt:
	go test ./engine -run TestSLT

# The streaming folders of the visible part of the outside corpus, against a server
# that is running. It fails when a record fails that has no reason in reasons.txt, or
# when one that has passes, and writes docs/corpus.md.
corpus:
	go run ./sqllogictest/cmd/sqllogictest -url postgres://root@127.0.0.1:4566/dev -root ../shared/slt -list ../shared/slt/visible.list -lax-errors \
		-reasons sqllogictest/testdata/reasons.txt -markdown docs/corpus.md \
		'streaming/**' 'over_window/**' 'backfill/**' 'background_ddl/**' 'sink/**' 'ttl/**'

# All of its visible part, without reasons.
corpus-all:
	go run ./sqllogictest/cmd/sqllogictest -url postgres://root@127.0.0.1:4566/dev -root ../shared/slt -list ../shared/slt/visible.list -lax-errors

fuzz-short:
	go test ./sql/parse -run xxx -fuzz FuzzParse -fuzztime 30s
	go test ./types -run xxx -fuzz FuzzKeyOrder -fuzztime 30s
	go test ./storage -run xxx -fuzz FuzzRow -fuzztime 30s
	go test ./wire -run xxx -fuzz FuzzFrontend -fuzztime 30s

# 20 million events, 20 kills.
chaos:
	go test ./cmd/streamdb -run TestChaos -count 1 -timeout 60m -v -chaos.events 20000000 -chaos.kills 20 -chaos.gap 0

# 20,000 comparisons of a view with its query and with a Postgres 15, over random
# histories with restarts and kills. LAW_POSTGRES names the Postgres, as
# postgres://root@127.0.0.1:5432/dev; without it views are compared with their queries alone.
law:
	go test ./engine -run 'TestLaw$$' -count 1 -timeout 3h -v -law.steps 20000
	go test ./engine -run 'TestLawEventTime$$' -count 1 -timeout 1h -v -law.eventtime 1000

# 50,000 power cuts, before every operation on the disk of random histories and of
# recoveries; 300 histories with a disk that fails, 2,000 bits flipped.
sim:
	go test ./internal/sim -count 1 -timeout 8h -v -sim.points 50000 -sim.faults 300 -sim.flips 2000

# 1,000 times kill -9 inside statements of every kind, with a check of all that is there
# after each.
kill:
	go test ./cmd/streamdb -run 'TestKill$$' -count 1 -timeout 3h -v -kill.rounds 1000 -kill.strict

# A process that is stopped and goes on, a full disk and a slow one; as root.
disks:
	go test ./cmd/streamdb -run 'TestStopped$$|TestFullDisk$$|TestSlowDisk$$' -count 1 -timeout 1h -v -stopped.times 40 -full.rounds 60 -slow.for 60s
# Flink's matrix: parallelism changes over 30 pairs while each of five things fails,
# with aligned epochs and with such that are given up.
matrix:
	go test ./internal/sim -run 'TestMatrix$$' -count 1 -timeout 3h -v -matrix.long

# A million transfers between ten accounts, 20 kills, every start with another
# parallelism; every sum that anybody reads is zero.
bank:
	go test ./cmd/streamdb -run 'TestBank$$' -count 1 -timeout 3h -v -bank.transfers 1000000 -bank.kills 20

# 40 million rows in no order for 10 million groups, with 512 MB of memory for the
# whole process, a kill in the midst; every group is compared.
groups:
	go test ./cmd/streamdb -run 'TestGroups$$' -count 1 -timeout 2h -v -groups.keys 10000000 -groups.rows 40000000 -groups.memory 512MB -groups.strict

# Serializable transactions of 16 clients over lists, with kills, checked for strict
# serializability.
histories:
	go test ./cmd/streamdb -run 'TestListAppend$$' -count 1 -timeout 1h -v -list.txns 20000 -list.kills 20

# Kills under load over 10 GB of state: reads within 1 s of the start, new results
# within 2 s, from a cold and from a warm page cache, with 1 GB of memory and with
# the default. Needs 15 GB in RECOVERY_DIR, which it leaves behind, to be used again.
RECOVERY_DIR ?= $(CURDIR)/recovery-data
recovery:
	go test ./cmd/streamdb -run 'TestRecovery$$' -count 1 -timeout 2h -v -recovery.bytes 10000000000 -recovery.rounds 6 -recovery.load 5s -recovery.dir $(RECOVERY_DIR) -recovery.strict

# A view over 5 million rows is created while 5,000 rows a second are written and
# another view lives on; killed in the middle.
backfill:
	go test ./cmd/streamdb -run 'TestBackfill$$' -count 1 -timeout 60m -v -backfill.rows 5000000 -backfill.updates 5000 -backfill.before 30s -backfill.strict

# Ten minutes of q5 and q8 at full speed; memory must stay flat.
soak:
	go run ./bench/nexmark -soak 10m -queries q5,q8

# All queries of Nexmark in all settings, about three hours; then the document.
bench:
	go run ./bench/nexmark -checkpoints off,1s,100ms -variants sink,view -parallelism 1,2 -json docs/performance/nexmark.json
	go run ./bench/report

# Nexmark's queries over a million bids, beside PostgreSQL's REFRESH and DuckDB, as
# far as they are there: npm install in bench/internal/servers/duckdb gets the latter.
bench-peers:
	go run ./bench/nexmark -peers -events 1087000 -json docs/performance/nexmark-peers.json
	go run ./bench/report

# SELECTs of TPC-H and of a wide table of page views beside PostgreSQL and DuckDB, as
# far as they are there: npm install in bench/internal/servers/duckdb gets the latter.
bench-batch:
	go run ./bench/batch

# Rows in, beside PostgreSQL: INSERT of single rows, COPY.
bench-ingest:
	go run ./bench/ingest

# Reads of a view, beside PostgreSQL, idle and while rows stream in.
bench-serving:
	go run ./bench/serving

# How old what a client sees is, by load; what barriers and checkpoints take.
bench-freshness:
	go run ./bench/freshness

# From kill -9 to an answer, to new results, to having caught up, by size of state.
bench-recovery:
	go run ./bench/recovery

# What checkpoints cost: CPU and throughput with them on and off, in turns, with
# the interval of confidence; seven minutes.
overhead:
	go run ./bench/nexmark -overhead 12 -json docs/performance/nexmark-overhead.json

# What sealing costs a task, in microseconds per 10,000 dirty rows.
seal:
	go test ./executor/op -run xxx -bench BenchmarkSeal -benchtime 500x

lint:
	go vet ./...
	go test ./internal/lint

fmt:
	gofmt -w .

check: fmt lint test race
