package sse_test

import (
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/problem"
	"github.com/leatstream/leat/internal/transport/sse"
)

func TestAcceptChoosesTheBestThatThereIs(t *testing.T) {
	const stream, lines, page = "text/event-stream", "application/x-ndjson", "application/json"
	for _, c := range []struct {
		headers []string
		want    string // empty: 406
		names   bool   // text/event-stream itself
	}{
		{nil, stream, false},
		{[]string{""}, stream, false},
		{[]string{"*/*"}, stream, false},
		{[]string{"text/*"}, stream, false},
		{[]string{"text/event-stream"}, stream, true},
		{[]string{"TEXT/Event-Stream; charset=UTF-8"}, stream, true},
		{[]string{"application/x-ndjson"}, lines, false},
		{[]string{"application/json"}, page, false},
		{[]string{"application/*"}, lines, false},
		{[]string{"application/json, text/event-stream"}, stream, true},
		{[]string{"application/json", "text/event-stream"}, stream, true},
		{[]string{"application/json, text/event-stream;q=0.9"}, page, true},
		{[]string{"text/event-stream;q=0.5", "application/x-ndjson ; Q=0.51"}, lines, true},
		{[]string{"text/event-stream;q=0, */*"}, lines, false},
		{[]string{"*/*;q=0.1, application/json;q=0.2"}, page, false},
		{[]string{"text/html, application/xhtml+xml, */*;q=0.8"}, stream, false},
		{[]string{`application/json;x="a,b;q=0";q=1, text/event-stream;q=0.2`}, page, true},
		{[]string{`application/json;x="a\",b"`}, page, false},
		{[]string{"text/event-stream;q=1.001, application/json;q=0.1"}, page, false},
		{[]string{"text/event-stream;q=0.0001, application/json;q=0.1"}, page, false},
		{[]string{", ,application/json,"}, page, false},
		{[]string{"text/event-stream;q=0"}, "", false},
		{[]string{"*/*;q=0"}, "", false},
		{[]string{"text/html"}, "", false},
		{[]string{"text"}, "", false},
		{[]string{"image/png, text/plain;q=0.5"}, "", false},
	} {
		t.Run(strings.Join(c.headers, " + "), func(t *testing.T) {
			got, names, err := sse.Choose(c.headers...)
			if got != c.want || names != c.names {
				t.Errorf("got %q (named: %v), want %q (named: %v)", got, names, c.want, c.names)
			}
			if c.want != "" {
				return
			}
			if p := problem.From(err); p.HTTP() != 406 || !strings.Contains(p.Detail, stream) ||
				!strings.Contains(p.Detail, lines) || !strings.Contains(p.Detail, page) {
				t.Errorf("got %d %q, want a 406 that lists what there is", p.HTTP(), p.Detail)
			}
		})
	}
}

func TestPreferWaitIsFoundAmongOtherPreferences(t *testing.T) {
	for _, c := range []struct {
		headers []string
		want    time.Duration
		given   bool
		wrong   bool
	}{
		{headers: nil},
		{headers: []string{"respond-async"}},
		{headers: []string{"wait=5"}, want: 5 * time.Second, given: true},
		{headers: []string{"respond-async, Wait = 10 ; strict", "wait=99"}, want: 10 * time.Second, given: true},
		{headers: []string{"respond-async", `wait="60"`}, want: time.Minute, given: true},
		{headers: []string{"wait=0"}, given: true},
		{headers: []string{`x="wait=5,wait=6"`}},
		{headers: []string{"wait=61"}, wrong: true},
		{headers: []string{"wait"}, wrong: true},
		{headers: []string{"wait=-1"}, wrong: true},
		{headers: []string{"wait=1.5"}, wrong: true},
		{headers: []string{"wait=soon"}, wrong: true},
	} {
		t.Run(strings.Join(c.headers, " + "), func(t *testing.T) {
			got, given, err := sse.ParseWait(c.headers...)
			if got != c.want || given != c.given || (err != nil) != c.wrong {
				t.Errorf("got %v, %v, %v; want %v, %v, error: %v", got, given, err, c.want, c.given, c.wrong)
			}
			if err != nil && problem.From(err).HTTP() != 400 {
				t.Errorf("got status %d, want 400", problem.From(err).HTTP())
			}
		})
	}
}

func FuzzAccept(f *testing.F) {
	f.Add("text/event-stream;q=0.5, */*")
	f.Add(`a/b;c="\`)
	f.Fuzz(func(t *testing.T, header string) {
		got, names, err := sse.Choose(header)
		if (got == "") != (err != nil) {
			t.Errorf("chose %q with error %v", got, err)
		}
		if names && err != nil {
			t.Errorf("%q names text/event-stream and is refused", header)
		}
		if again, _, _ := sse.Choose(header, header); again != got {
			t.Errorf("said twice, %q chooses %q and not %q", header, again, got)
		}
		if only, _, _ := sse.Choose("text/event-stream", header); only != "text/event-stream" {
			t.Errorf("beside %q the first choice became %q", header, only)
		}
	})
}
