package reference

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/leatstream/leat/contract"
)

// A promise is what the contract promises about a stream, in plain words.
type promise struct{ Name, Text string }

func promises(s *contract.Stream) []promise {
	all := []promise{{"Order", order(s)}, {"Key", key(s)}, {"Stored", stored(s.Durability)}}
	if s.Durability != contract.None {
		all = append(all, promise{"History", history(s.Retention)})
	}
	all = append(all,
		promise{"Silence", "No connection is silent for longer than " + words(s.Heartbeat) + ": then a heartbeat tells that it lives."},
		promise{"Slow readers", slow(s.Slow)})
	if s.Mode == contract.ModeState {
		all = append(all, promise{"Mode", "State: the last value of each key matters, not each step."})
	}
	if s.Coalesce > 0 {
		all = append(all, promise{"Gathered", "An event may wait " + words(s.Coalesce) + " for others, to be delivered with them."})
	}
	all = append(all,
		promise{"Largest event", size(int64(s.MaxEventBytes)) + " of data, as compact JSON."},
		promise{"Transports", transports(s.Transports)})
	if len(s.Commands) > 0 && s.Backend != nil {
		all = append(all, promise{"Commands", "A backend answers each within " + words(s.Backend.Timeout) + ", or the sender is told that it did not."})
	}
	return append(all, access(s.Access)...)
}

func order(s *contract.Stream) string {
	if s.Durability == contract.None {
		return "In the order of the stream, while one is connected. What happens meanwhile is not kept."
	}
	return "Each event once, in the order of the stream, live and after any number of reconnects. What cannot be delivered any more is told by a leat.gap."
}

func key(s *contract.Stream) string {
	switch {
	case s.Key.Path:
		return "The stream is a set of rooms: the key is the last segment of the path, and without one it is the room “" + contract.DefaultRoom + "”."
	case s.Key.Pointer != "":
		return "Each event is about what " + s.Key.Pointer + " in its data names. One can subscribe to that key alone."
	}
	return "None: there is one sequence for everybody."
}

func stored(d contract.Durability) string {
	switch d {
	case contract.Disk:
		return "On disk before the publisher is answered. It survives the process being killed at any moment."
	case contract.DiskSync:
		return "Synced to disk before the publisher is answered. It survives a power cut."
	case contract.Memory:
		return "In memory. The stream begins anew when the server is restarted, and clients are told."
	}
	return "Nowhere: it is live only, with no positions and no history."
}

func history(r contract.Retention) string {
	text := "The last " + words(r.Age) + ", at most " + size(r.Bytes)
	if r.Events > 0 {
		text += " and " + grouped(r.Events) + " events"
	}
	return text + ": the first bound reached removes the oldest."
}

func slow(s contract.Slow) string {
	switch s {
	case contract.SlowSkip:
		return "Whoever reads too slowly jumps to the newest event, and is told what it missed."
	case contract.SlowConflate:
		return "Whoever reads too slowly gets the newest value of each key."
	}
	return "Whoever reads slowly gets everything, from the log, at its own speed. Nobody waits for it."
}

func transports(all []contract.Transport) string {
	names := map[contract.Transport]string{contract.SSE: "Server-Sent Events, NDJSON and JSON pages", contract.WebSocket: "WebSocket", contract.GRPC: "gRPC"}
	texts := make([]string, len(all))
	for i, t := range all {
		texts[i] = names[t]
	}
	return strings.Join(texts, "; ") + "."
}

func access(a contract.Access) []promise {
	var all []promise
	for _, p := range []promise{{"May subscribe", a.Subscribe}, {"May publish", a.Publish}, {"May command", a.Command}, {"Keys of a caller", a.Keys}} {
		if p.Text != "" {
			all = append(all, p)
		}
	}
	return all
}

// words writes a duration in its largest whole unit.
func words(d time.Duration) string {
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}, {"millisecond", time.Millisecond}} {
		if d%unit.size != 0 || unit.name == "day" && d < 48*time.Hour {
			continue
		}
		n := int64(d / unit.size)
		if n != 1 {
			unit.name += "s"
		}
		return grouped(n) + " " + unit.name
	}
	return d.String()
}

func size(n int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= unit.size {
			return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/float64(unit.size)), ".0") + " " + unit.name
		}
	}
	return grouped(n) + " bytes"
}

// grouped writes 100000 as 100,000.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
