// Package datagen makes rows up: sequences and random values, column by column,
// with the options of RisingWave's connector. A row is a function of its number
// and the seeds, so that a replay gives the same rows; only timestamps without
// a basetime are relative to the clock.
package datagen
