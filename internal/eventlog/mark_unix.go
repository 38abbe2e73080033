//go:build unix

package eventlog

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// changeTime is when the file system last changed a file: the one time that no copying tool can set.
func changeTime(name string) (changed time.Time, known bool, err error) {
	var s unix.Stat_t
	if err := unix.Stat(name, &s); err != nil {
		return time.Time{}, false, fmt.Errorf("stat %s: %w", name, err)
	}
	return time.Unix(s.Ctim.Unix()), true, nil
}
