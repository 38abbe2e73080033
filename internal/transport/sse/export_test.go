package sse

import (
	"net"
	"net/http"
	"time"

	"github.com/leatstream/leat/internal/hub"
)

// What the tests look at that nobody else needs.
var (
	EventStreamFormat       = eventStreamFormat
	VisibleHeartbeatsFormat = visibleHeartbeatsFormat
	NDJSONFormat            = ndjsonFormat
	ErrSlow                 = errSlow
	ErrGone                 = errGone
)

func FirstBlock(retry time.Duration, id string) string { return string(appendFirst(nil, retry, id)) }

func Choose(headers ...string) (media string, names bool, err error) {
	a := parseAccept(headers)
	chosen, err := a.choose()
	return string(chosen), a.names(eventStream), err
}

func ParseWait(headers ...string) (time.Duration, bool, error) { return parseWait(headers) }

func ConnWriter(conn net.Conn, encrypted bool) hub.Writer { return connWriter(conn, encrypted) }

func ChunkWriter(w http.ResponseWriter) hub.Writer {
	return newChunkWriter(w, http.NewResponseController(w))
}
