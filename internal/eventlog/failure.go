package eventlog

import "sync"

// open holds the logs of this process by folder, for CutFollowers.
var open sync.Map

// CutFollowers breaks what the log in a folder is followed on: for tests of failure that have the whole server
// before them, and no Log.
func CutFollowers(dir string) {
	l, _ := open.Load(dir)
	if log, ok := l.(*Log); ok {
		log.CutFollowers()
	}
}
