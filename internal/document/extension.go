package document

import (
	"strconv"
	"time"

	"github.com/leatstream/leat/contract"
)

// extensionName is the member that holds, in every format, what the format has no words for.
const extensionName = "x-leat"

// extension is what a stream promises, as the contract file writes it, with defaults filled in. The backend's address
// and headers are not in it: they are nobody's business, and may hold secrets.
func extension(s *contract.Stream, parts *components) Object {
	o := object("stream", s.Name)
	set := func(name, text string) {
		if text != "" {
			o.Set(name, text)
		}
	}
	set("summary", s.Summary)
	set("description", s.Description)
	set("mode", string(s.Mode))
	set("key", s.Key.Pointer)
	if s.Key.Path {
		o.Set("key", "path")
	}
	o.Set("transports", s.Transports)
	o.Set("durability", string(s.Durability))
	if s.Replicas > 0 {
		o.Set("replicas", s.Replicas)
	}
	if s.Durability != contract.None {
		o.Set("retention", retention(s.Retention))
	}
	o.Set("heartbeat", duration(s.Heartbeat))
	if s.Coalesce > 0 {
		o.Set("coalesce", duration(s.Coalesce))
	}
	o.Set("slow", string(s.Slow))
	o.Set("maxEventBytes", size(int64(s.MaxEventBytes)))
	if s.Backend != nil {
		backend := object("timeout", duration(s.Backend.Timeout))
		if s.Backend.Lifecycle {
			backend.Set("lifecycle", true)
		}
		o.Set("backend", backend)
	}
	if s.Access != (contract.Access{}) {
		o.Set("access", access(s.Access))
	}
	o.Set("events", declarations(s.Events, parts))
	if len(s.Commands) > 0 {
		o.Set("commands", declarations(s.Commands, parts))
	}
	return o
}

func retention(r contract.Retention) Object {
	o := object("age", duration(r.Age), "bytes", size(r.Bytes))
	if r.Events > 0 {
		o.Set("events", r.Events)
	}
	return o
}

func access(a contract.Access) Object {
	var o Object
	for _, m := range []Member[string]{{"subscribe", a.Subscribe}, {"publish", a.Publish}, {"command", a.Command}, {"keys", a.Keys}} {
		if m.Value != "" {
			o.Set(m.Name, m.Value)
		}
	}
	return o
}

// declarations says which component is the data of which type: the components' names do not tell.
func declarations(types []*contract.EventType, parts *components) Object {
	var all Object
	for _, t := range types {
		var o Object
		if t.Summary != "" {
			o.Set("summary", t.Summary)
		}
		if t.Description != "" {
			o.Set("description", t.Description)
		}
		if t.Deprecated {
			o.Set("deprecated", true)
		}
		o.Set("schema", componentRef+parts.data[t])
		all.Set(t.Name, o)
	}
	return all
}

// duration writes one as a contract does, in its largest unit.
func duration(d time.Duration) string {
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}} {
		if d%unit.size == 0 {
			return strconv.FormatInt(int64(d/unit.size), 10) + unit.name
		}
	}
	return d.String()
}

// size writes a number of bytes as a contract does, in its largest unit.
func size(n int64) any {
	for _, unit := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n%unit.size == 0 {
			return strconv.FormatInt(n/unit.size, 10) + unit.name
		}
	}
	return n
}
