// Package nexmark makes the events of the Nexmark benchmark: persons who
// register, auctions they open and bids they place, in the proportion
// 1 : 3 : 46, with the hot keys of the generator of Apache Beam and
// nexmark-flink and the options of RisingWave's connector.
//
// Every event is a function of its number alone: a replay gives the same rows.
// Columns that nobody reads are not made.
package nexmark
