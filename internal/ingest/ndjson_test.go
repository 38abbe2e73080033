package ingest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/ingest"
)

const ndjson = "Content-Type: application/x-ndjson"

func line(n int) string { return fmt.Sprintf(`{"type":"note","data":{"n":%d}}`, n) }

func TestEachLineOfAnUploadIsStoredOrRefused(t *testing.T) {
	s := newServer(t)
	body := strings.Join([]string{
		line(1), "", " \t", line(2) + "\r", `{"type":"note","data":{"n":}}`, `{"type":"nte","data":{}}`, `[` + line(3) + `]`,
		`{"type":"note","data":"` + strings.Repeat("x", 2<<10) + `"}`, `{"type":"note","data":{"a":"` + strings.Repeat("x", 200_000) + `"}}`,
		`{"type":"note","key":"k","data":{}}`, line(4),
	}, "\n")
	r := s.post(t, "/events/tiny", body, ndjson)
	if r.Status != 200 || r.Stored != 3 || r.Refused != 6 || len(r.Errors) != 6 {
		t.Fatalf("got %d %s", r.Status, r.Text)
	}
	for i, want := range []struct{ line, status int }{{5, 400}, {6, 422}, {7, 400}, {8, 413}, {9, 413}, {10, 422}} {
		if got := r.Errors[i]; got.Line != want.line || got.Status != want.status || got.Detail == "" {
			t.Errorf("error %d: %+v, want %+v", i, got, want)
		}
	}
	if !strings.Contains(r.Text, `{"line":5,"type":"about:blank",`) || !strings.Contains(r.Errors[0].Detail, "byte 27") {
		t.Errorf("the first error is not a problem with its line and offset: %s", r.Text)
	}
	entries := s.stored(t, "tiny")
	if got := entries[len(entries)-1]; got.Position.String() != r.Last || string(got.Data) != `{"n":4}` || len(entries) != 3 {
		t.Errorf("%d events are stored, the last one is %+v, told as %s", len(entries), got, r.Last)
	}
}

func TestAnUploadWithNothingStoredHasNoLast(t *testing.T) {
	s := newServer(t)
	if r := s.post(t, "/events/plain", "\n\n", ndjson); r.Status != 200 || r.Text != `{"stored":0,"refused":0,"errors":[]}`+"\n" {
		t.Errorf("empty: %d %s", r.Status, r.Text)
	}
	if r := s.post(t, "/events/live", `{"type":"said","data":{}}`, ndjson); r.Status != 200 || r.Text != `{"stored":1,"refused":0,"errors":[]}`+"\n" {
		t.Errorf("durability none: %d %s", r.Status, r.Text)
	}
}

func TestAnUploadKeepsOrderAndTellsTheFirstHundredErrors(t *testing.T) {
	s := newServer(t)
	var body strings.Builder
	for n := 1; n <= 3000; n++ {
		if n%10 == 0 {
			body.WriteString(`{"type":"note","data":7}` + "\n")
			continue
		}
		body.WriteString(line(n) + "\n")
	}
	r := s.post(t, "/events/plain", body.String(), ndjson)
	if r.Status != 200 || r.Stored != 2700 || r.Refused != 300 || len(r.Errors) != 100 {
		t.Fatalf("got %d, stored %d, refused %d, %d errors", r.Status, r.Stored, r.Refused, len(r.Errors))
	}
	for i, e := range r.Errors {
		if e.Line != 10*(i+1) {
			t.Fatalf("error %d is of line %d", i, e.Line)
		}
	}
	n := 0
	for _, e := range s.stored(t, "plain") {
		if n++; n%10 == 0 {
			n++
		}
		if want := fmt.Sprintf(`{"n":%d}`, n); string(e.Data) != want {
			t.Fatalf("got %s, want %s", e.Data, want)
		}
	}
}

func TestWhatAClientSentBeforeItWentAwayIsStored(t *testing.T) {
	s := newServer(t)
	address := strings.TrimPrefix(s.URL, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	whole := line(1) + "\n" + line(2) + "\n"
	_, err = fmt.Fprintf(conn, "POST /events/plain HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n%s%s",
		address, whole, line(3)) // the third line may go on
	if err != nil {
		t.Fatal(err)
	}
	// The server answers a body that breaks off; the answer says what was kept.
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "2 events are stored") {
		t.Errorf("got %d %s, %v", response.StatusCode, text, err)
	}
	conn.Close()
	if got := s.stored(t, "plain"); len(got) != 2 {
		t.Errorf("%d events are stored, want 2", len(got))
	}
}

func TestAnUploadIsCountedWhileItGoesOn(t *testing.T) {
	s := newServer(t)
	body, more := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/events/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	go func() {
		defer more.Close()
		if _, err := io.WriteString(more, line(1)+"\n"+line(2)+"\n"); err != nil {
			t.Error(err)
		}
		for deadline := time.Now().Add(10 * time.Second); s.published(t, "plain") != 2; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Error("two events are stored, and leat_events_published_total stands still until the end of the upload")
				return
			}
		}
	}()
	if r := send(t, request); r.Status != 200 || r.Stored != 2 {
		t.Errorf("got %d %s", r.Status, r.Text)
	}
}

func TestAnUploadFromCodeIsOneGoroutinesAndCountsFromWhereItLikes(t *testing.T) {
	s := newServer(t)
	u, err := s.Upload(t.Context(), "plain", ingest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, data := range []string{`{}`, `7`, `{}`} {
		if err := u.Add(t.Context(), uint64(i), ingest.Event{Type: "note", Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
	summary := u.Close()
	if summary.Stored != 2 || summary.Refused != 1 || summary.Errors[0].Number != 1 || summary.Last.Sequence() != 2 {
		t.Errorf("got %+v", summary)
	}
	for name, o := range map[string]ingest.Options{"key": {IdempotencyKey: "a"}, "match": {IfMatch: new("")}, "path": {PathKey: new("a")}} {
		if _, err := s.Upload(t.Context(), "plain", o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestAnUploadEndsWhenTheLogIsGone(t *testing.T) {
	s := newServer(t)
	u, err := s.Upload(t.Context(), "plain", ingest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.events.Close(); err != nil {
		t.Fatal(err)
	}
	for n := uint64(1); ; n++ {
		if err := u.Add(t.Context(), n, ingest.Event{Type: "note", Data: []byte(`{}`)}); err != nil {
			break
		}
		if n > 10_000 {
			t.Fatal("the upload goes on without a log")
		}
	}
	if summary := u.Close(); summary.Stored != 0 || summary.Refused == 0 || !summary.Errors[0].Problem.Retryable() {
		t.Errorf("got %+v", summary)
	}
	r := s.post(t, "/events/plain", strings.Repeat(line(1)+"\n", 1000), ndjson)
	if r.Status != 503 || !r.Retryable || r.Header.Get("Retry-After") == "" || !strings.Contains(r.Detail, "line 1 is the first that failed") {
		t.Errorf("got %d %s", r.Status, r.Text)
	}
	if r := s.post(t, "/events/plain", line(1)); r.Status != 503 || !strings.Contains(r.Detail, "stored") {
		t.Errorf("single: %d %s", r.Status, r.Text)
	}
}
