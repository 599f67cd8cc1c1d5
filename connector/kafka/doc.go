// Package kafka reads topics of Kafka and systems that speak its protocol. Each
// partition is a split; its offset is Kafka's own, kept in streamdb's manifest:
// consumer groups and their commits play no part. It is the one door to
// franz-go.
package kafka
