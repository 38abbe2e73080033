package contract

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// stream compares what a stream promises, then its events and commands.
func (w *walk) stream(was, is *Stream) {
	add := func(field string, breaks Audience, bump Bump, format string, args ...any) {
		w.add(Change{Stream: is.Name, Text: fmt.Sprintf(format, args...), Breaks: breaks, Bump: bump}, "streams", is.Name, field)
	}
	if was.Summary != is.Summary || was.Description != is.Description {
		add("summary", 0, Patch, "texts changed")
	}
	if was.Key != is.Key {
		add("key", Consumers|Producers, Major, "key: %s → %s", was.Key, is.Key)
	}
	if was.Mode != is.Mode {
		add("mode", Consumers, Major, "mode: %s → %s", was.Mode, is.Mode)
	}
	w.transports(was, is, add)
	if was.Durability != is.Durability {
		breaks := Audience(0)
		if slices.Index(weakestFirst, is.Durability) < slices.Index(weakestFirst, was.Durability) {
			breaks = Consumers | Producers
		}
		add("durability", breaks, Minor, "durability: %s → %s", was.Durability, is.Durability)
	}
	if was.Slow != is.Slow {
		breaks := Consumers // they may miss what they were promised
		if is.Slow == SlowReplay || was.Slow == SlowSkip {
			breaks = 0
		}
		add("slow", breaks, Minor, "slow: %s → %s", was.Slow, is.Slow)
	}
	if was.MaxEventBytes != is.MaxEventBytes {
		breaks := Audience(0)
		if is.MaxEventBytes < was.MaxEventBytes {
			breaks = Producers
		}
		add("maxEventBytes", breaks, Minor, "maxEventBytes: %s → %s", formatSize(int64(was.MaxEventBytes)), formatSize(int64(is.MaxEventBytes)))
	}
	w.retention(was, is, add)
	w.operation(was, is, add)
	w.types(was, is, true)
	w.types(was, is, false)
}

type addChange func(field string, breaks Audience, bump Bump, format string, args ...any)

// What survives less stands first.
var weakestFirst = []Durability{None, Memory, Disk, DiskSync}

// String is the key as the contract has it.
func (k KeySource) String() string {
	switch {
	case k.Path:
		return "path"
	case k.Pointer == "":
		return "none"
	}
	return k.Pointer
}

func (w *walk) transports(was, is *Stream, add addChange) {
	for _, t := range was.Transports {
		if !is.Offers(t) {
			add("transports", Consumers, Major, "can no longer be subscribed over %s", t)
		}
	}
	for _, t := range is.Transports {
		if !was.Offers(t) {
			add("transports", 0, Minor, "can also be subscribed over %s", t)
		}
	}
}

func (w *walk) retention(was, is *Stream, add addChange) {
	if is.Durability == None || was.Durability == None {
		return // that is told already
	}
	compare := func(name string, less, same bool, old, now string) {
		if same {
			return
		}
		note := ""
		if less {
			note = " (less for a client that was away: it is told by a leat.gap)"
		}
		add("retention", 0, Patch, "retention.%s: %s → %s%s", name, old, now, note)
	}
	o, n := was.Retention, is.Retention
	compare("age", n.Age < o.Age, n.Age == o.Age, formatDuration(o.Age), formatDuration(n.Age))
	if n.Bytes == o.Bytes || was.Durability == is.Durability { // else it is another default
		compare("bytes", n.Bytes < o.Bytes, n.Bytes == o.Bytes, formatSize(o.Bytes), formatSize(n.Bytes))
	}
	compare("events", n.Events > 0 && (o.Events == 0 || n.Events < o.Events), n.Events == o.Events, orUnbounded(o.Events), orUnbounded(n.Events))
}

func orUnbounded(n int64) string {
	if n == 0 {
		return "no bound"
	}
	return fmt.Sprint(n)
}

// operation compares what whoever runs the API may change at any time.
func (w *walk) operation(was, is *Stream, add addChange) {
	duration := func(name string, old, now time.Duration) {
		if old != now {
			add(name, 0, Patch, "%s: %s → %s", name, formatDuration(old), formatDuration(now))
		}
	}
	duration("heartbeat", was.Heartbeat, is.Heartbeat)
	duration("coalesce", was.Coalesce, is.Coalesce)
	if was.Replicas != is.Replicas {
		add("replicas", 0, Patch, "replicas: %d → %d", was.Replicas, is.Replicas)
	}
	if !sameBackend(was.Backend, is.Backend) {
		add("backend", 0, Patch, "backend changed")
	}
	if was.Access != is.Access {
		add("access", 0, Patch, "access: %s → %s (whoever is kept out by it is not told by this comparison)", was.Access, is.Access)
	}
}

// sameBackend leaves out where the backend is and what it is told: no client sees that, and no document has it.
func sameBackend(a, b *Backend) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Timeout == b.Timeout && a.Lifecycle == b.Lifecycle
}

// String is what the contract says of access, as it has it.
func (a Access) String() string {
	var said []string
	for _, one := range []struct{ name, value string }{{"subscribe", a.Subscribe}, {"publish", a.Publish}, {"command", a.Command}, {"keys", a.Keys}} {
		if one.value != "" {
			said = append(said, one.name+": "+one.value)
		}
	}
	if len(said) == 0 {
		return "none"
	}
	return strings.Join(said, ", ")
}
