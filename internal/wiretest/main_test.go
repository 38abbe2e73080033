package wiretest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/wiretest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if data := os.Getenv("LEAT_TEST_SERVER"); data != "" {
		serveUntilKilled(data)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		http.DefaultClient.CloseIdleConnections()
		os.Exit(code)
	}))
}

// store publishes events of a type in one request, and gives their ids.
func store(t *testing.T, s *wiretest.Server, stream, eventType string, data ...string) []string {
	t.Helper()
	events := make([]string, len(data))
	for i := range data {
		events[i] = fmt.Sprintf(`{"type":%q,"data":%s}`, eventType, data[i])
	}
	return storeAll(t, s, stream, events...)
}

// storeAll publishes events as they are given, a thousand in a request, and gives their ids.
func storeAll(t *testing.T, s *wiretest.Server, stream string, events ...string) (ids []string) {
	t.Helper()
	for len(events) > 0 {
		n := min(len(events), 1000)
		status, text := s.Post("/events/"+stream, "application/json", "["+strings.Join(events[:n], ",")+"]")
		var answer struct{ IDs []string }
		if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusCreated || len(answer.IDs) != n {
			t.Fatalf("publish to %s: %d %s", stream, status, text)
		}
		ids, events = append(ids, answer.IDs...), events[n:]
	}
	return ids
}

// numbers are the data of n ticks.
func numbers(n int) []string {
	data := make([]string, n)
	for i := range data {
		data[i] = fmt.Sprint(i)
	}
	return data
}

// ticks stores n events in a stream without keys.
func ticks(t *testing.T, s *wiretest.Server, stream string, n int) []string {
	t.Helper()
	return store(t, s, stream, "tick", numbers(n)...)
}

// order is an event of stream orders.
func order(eventType, key string, n int) string {
	return fmt.Sprintf(`{"type":"order.%s","data":{"orderId":%q,"n":%d}}`, eventType, key, n)
}

func position(t testing.TB, id string) event.Position {
	t.Helper()
	p, err := event.ParsePosition(id)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// at is the position of a sequence, in the incarnation of an id.
func at(t testing.TB, id string, sequence uint64) string {
	t.Helper()
	return event.NewPosition(position(t, id).Incarnation(), sequence).String()
}
