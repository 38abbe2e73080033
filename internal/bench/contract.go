package bench

import _ "embed" // the contract

// Contract is a contract with streams to publish to: bench on disk, bench-memory, and bench-none, which stores nothing.
//
//go:embed leat.yaml
var Contract string

// Stream and Type are what is published where nothing else is said.
const (
	Stream = "bench"
	Type   = "bench.event"
)
