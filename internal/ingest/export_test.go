package ingest

import (
	"net/http"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
)

// The plain core, for tests and fuzzing without a log.

func Check(s *contract.Stream) func(Event, event.Key) (eventlog.Record, error) {
	return NewChecker(s).Check
}

func Decode(header http.Header, body []byte) (events []Event, several bool, err error) {
	form, err := formOf(header)
	if err != nil || form == formUpload {
		return nil, false, err
	}
	return decodeBody(&http.Request{Header: header}, form, body)
}

func IntegerText(number string) (string, bool) { return integerText(number) }

func RequestNames(key string, n int) []string {
	names := []string{eventName(key)}
	for i := range n {
		names = append(names, requestName(key, i))
	}
	return names
}

func Reword(n Names, err error) error { return n.reword(err) }
