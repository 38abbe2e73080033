package node

import "github.com/fsnotify/fsnotify"

// Watched reads the contract as Run does, and gives the folders that are watched then.
func (r *Reloader) Watched() ([]string, error) {
	var err error
	if r.watcher, err = fsnotify.NewWatcher(); err != nil {
		return nil, err
	}
	defer r.watcher.Close()
	if _, err := r.load(); err != nil {
		return nil, err
	}
	r.watch()
	return r.watcher.WatchList(), nil
}
