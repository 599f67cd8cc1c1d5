// Package history checks what clients of a database have seen: histories of
// transactions that append to lists and read them. From the lists follow who wrote
// before whom and who read what, so that every violation of strict serializability
// among the transactions is a cycle, and can be shown (Kingsbury and Alvaro,
// "Elle: Inferring Isolation Anomalies from Experimental Observations", VLDB 2020).
package history
