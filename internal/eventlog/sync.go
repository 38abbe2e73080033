//go:build !race

package eventlog

import "time"

// syncInterval is what a power cut can take; a killed process loses nothing.
const syncInterval = 100 * time.Millisecond
