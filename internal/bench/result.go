package bench

import "time"

// A Result is what one run has found. Times of a Latency are in milliseconds.
type Result struct {
	Scenario Scenario  `json:"scenario"`
	Began    time.Time `json:"began"`
	Machine  string    `json:"machine"`
	Seconds  float64   `json:"seconds"` // measured, after the warm-up

	Published          int64   `json:"published"` // events, in those seconds
	PublishedPerSecond float64 `json:"publishedPerSecond"`
	Unanswered         int     `json:"unanswered"` // events whose request failed
	FirstFailure       string  `json:"firstFailure,omitempty"`

	DeliveriesPerSecond float64 `json:"deliveriesPerSecond"`
	Latency             Latency `json:"latency"`   // publish to receipt
	Publish             Latency `json:"publish"`   // request to answer
	FirstByte           Latency `json:"firstByte"` // of new subscriptions while all the rest runs

	Counts Counts `json:"counts"` // of the whole run, warm-up included
	Lost   int    `json:"lost"`

	Server *Server `json:"server,omitempty"` // nil where nothing is known of its process
	Storm  *Storm  `json:"storm,omitempty"`
	Idle   *Idle   `json:"idle,omitempty"`

	Samples      []Sample `json:"samples"`
	Distribution []Point  `json:"distribution"` // of Latency
}

// A Server is what the run cost the server's process.
type Server struct {
	CPUSeconds           float64 `json:"cpuSeconds"`
	CPUPercent           float64 `json:"cpuPercent"`           // of one core
	CPUSecondsPerMillion float64 `json:"cpuSecondsPerMillion"` // deliveries
	RSS                  uint64  `json:"rss"`                  // bytes, at the end
}

// A Storm is how all came back.
type Storm struct {
	Subscribers int     `json:"subscribers"` // that were cut off
	Behind      int     `json:"behind"`      // events, when they came back
	Seconds     float64 `json:"seconds"`     // until the last had caught up
	CaughtUp    bool    `json:"caughtUp"`
	Live        Latency `json:"live"` // of those who were left alone meanwhile
}

// Idle is what connections cost that nothing is sent on.
type Idle struct {
	Few              int     `json:"few"`  // connections at the first look
	Many             int     `json:"many"` // and at the second
	FewRSS           uint64  `json:"fewRSS"`
	ManyRSS          uint64  `json:"manyRSS"`
	RSSPerConnection float64 `json:"rssPerConnection"` // bytes: the slope between the two, without the process's own
}

// A Sample is one second of a run.
type Sample struct {
	Second     float64 `json:"second"`
	Published  int64   `json:"published"`
	Deliveries int64   `json:"deliveries"`
	Latency    Latency `json:"latency"`
	CPUPercent float64 `json:"cpuPercent"`
	RSS        uint64  `json:"rss"`
}

// Progress is what is to be told while it runs.
type Progress struct {
	Run, Runs int // this one, of so many
	Scenario  Scenario
	Phase     string // connecting, warming up, measuring, waiting for the rest
	Connected int
	Sample    Sample
	Faults    int64 // duplicates, and events out of order or of another key, so far
}

// Lossless says that every event arrived once, in order, at each subscriber that asked for it.
func (r *Result) Lossless() bool {
	return r.Lost == 0 && r.Counts.Duplicate == 0 && r.Counts.OutOfOrder == 0 && r.Counts.Stray == 0
}
