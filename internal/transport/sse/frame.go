package sse

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
)

// The formats. Those of one Name share the frames of published events, and differ in how they tell of silence.
var (
	eventStreamFormat       = &hub.Format{Name: "sse", Event: appendBlock, Control: appendControl}
	visibleHeartbeatsFormat = &hub.Format{Name: "sse", Event: appendBlock, Control: appendVisibleControl}
	ndjsonFormat            = &hub.Format{Name: "ndjson", Event: appendLine, Control: appendLine}
)

// appendBlock appends an event as a block of an event stream (WHATWG HTML, section Server-sent events). id is the
// last line: popular clients take it as soon as it arrives, and one that was cut between it and the data would lose
// the event. Type, position and data cannot hold a line break, by how they are made.
func appendBlock(dst []byte, e *event.Event) []byte {
	return append(appendID(appendFields(dst, e), e.Position), '\n')
}

// appendControl is appendBlock for control events. A heartbeat is a comment, which nothing dispatches; its empty line
// makes the browser take the id.
func appendControl(dst []byte, e *event.Event) []byte {
	if e.Type == event.TypeHeartbeat {
		return append(appendID(append(dst, ": heartbeat\n"...), e.Position), '\n')
	}
	return appendVisibleControl(dst, e)
}

// appendVisibleControl shows every control event as an event. Browsers heed no reconnectAfterMs, so leat.end carries
// it as retry too.
func appendVisibleControl(dst []byte, e *event.Event) []byte {
	dst = appendFields(dst, e)
	if e.Type == event.TypeEnd {
		var end event.End
		if err := json.Unmarshal(e.Data, &end); err == nil { // event.NewEnd wrote it
			dst = appendRetry(dst, time.Duration(end.ReconnectAfterMs)*time.Millisecond)
		}
	}
	return append(appendID(dst, e.Position), '\n')
}

// appendFirst appends the block that opens a stream. It has no data, so nothing is dispatched, but the browser now has
// a Last-Event-ID, and loses nothing if it is cut off before the first event.
func appendFirst(dst []byte, retry time.Duration, id string) []byte {
	dst = appendRetry(dst, retry)
	if id != "" {
		dst = append(dst, "id: "...)
		dst = append(dst, id...)
		dst = append(dst, '\n')
	}
	return append(dst, '\n')
}

// appendLine appends an event as a line of NDJSON, control events too.
func appendLine(dst []byte, e *event.Event) []byte {
	return append(e.AppendEnvelope(dst), '\n')
}

func appendFields(dst []byte, e *event.Event) []byte {
	dst = append(dst, "event: "...)
	dst = append(dst, e.Type.String()...)
	dst = append(dst, "\ndata: "...)
	dst = append(dst, e.Data...)
	return append(dst, '\n')
}

func appendRetry(dst []byte, wait time.Duration) []byte {
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, wait.Milliseconds(), 10)
	return append(dst, '\n')
}

func appendID(dst []byte, p event.Position) []byte {
	if p.IsZero() {
		return dst
	}
	return append(p.Append(append(dst, "id: "...)), '\n')
}
