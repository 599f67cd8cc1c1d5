// Command nexmark runs queries of the Nexmark benchmark through a server's
// socket and prints events per second, beside a hand-written loop of the same
// query over the same events in the same process run, and the cost of
// checkpoints. Events are persons, auctions and bids together, 46 of 50 of them
// bids.
//
//	go run ./bench/nexmark [-events N] [-queries q0,q5] [-parallelism P] [-json FILE]
//	go run ./bench/nexmark -soak 10m -queries q5,q8
package main
