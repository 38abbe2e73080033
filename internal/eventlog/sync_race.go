//go:build race

package eventlog

import "time"

// syncInterval is longer under the race detector: NATS sets a store's first timer without the lock under which the timer
// reads itself (fileStore.setSyncTimer, v2.15.2), which the detector takes for a race where a loaded machine needs longer
// than the interval to go on. Nothing but a power cut shows the difference.
const syncInterval = 10 * time.Second
