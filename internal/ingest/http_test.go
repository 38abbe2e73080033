package ingest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/ingest"
)

func TestAStoredEventIsAnsweredWithItsPosition(t *testing.T) {
	s := newServer(t)
	r := s.post(t, "/events/orders", `{"type":"order.shipped","time":"2024-05-01T12:00:00+02:00","data":{ "orderId":"or_1", `+when+`}}`)
	if r.Status != 201 || r.ID == "" || r.Header.Get("ETag") != `"`+r.ID+`"` || r.Duplicate {
		t.Errorf("got %d %s, ETag %s", r.Status, r.Text, r.Header.Get("ETag"))
	}
	entries := s.stored(t, "orders")
	if len(entries) != 1 {
		t.Fatalf("%d events are stored", len(entries))
	}
	e := entries[0]
	if e.Position.String() != r.ID || e.Type.String() != "order.shipped" || e.Key.String() != "or_1" ||
		string(e.Data) != `{"orderId":"or_1",`+when+`}` || !e.Time.Equal(time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("stored: %+v", e)
	}
}

func TestRequestsThatAreRefusedSayWhatWouldBeRight(t *testing.T) {
	s := newServer(t)
	note := `{"type":"note","data":{}}`
	many := "[" + strings.Repeat(note+",", 1000) + note + "]"
	for name, tt := range map[string]struct {
		path, body string
		headers    []string
		status     int
		at, says   string
	}{
		"stream unknown":         {"/events/ordrs", note, nil, 404, "", `did you mean "orders"? (its streams: orders, counters`},
		"key without keys":       {"/events/plain/a", note, nil, 404, "", "has no keys"},
		"key in path invalid":    {"/events/chat/a%0Ab", note, nil, 400, "", "control character"},
		"key in path no UTF-8":   {"/events/chat/%FF", note, nil, 400, "", "UTF-8"},
		"key in path differs":    {"/events/orders/b", `{"type":"order.cancelled","data":{"orderId":"a"}}`, nil, 422, "/key", ""},
		"a parameter":            {"/events/plain?key=a", note, nil, 400, "", `no parameter is named "key"`},
		"a query that is none":   {"/events/plain?a=%zz", note, nil, 400, "", "the query of the URL"},
		"no content type":        {"/events/plain", note, []string{"Content-Type:"}, 415, "", "application/json"},
		"what curl sends":        {"/events/plain", note, []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "", "-H 'Content-Type: application/json'"},
		"content type broken":    {"/events/plain", note, []string{"Content-Type: ;"}, 415, "", "application/json"},
		"XML":                    {"/events/plain", note, []string{"Content-Type: text/xml"}, 415, "", "application/x-ndjson"},
		"Latin-1":                {"/events/plain", note, []string{"Content-Type: application/json; charset=iso-8859-1"}, 415, "", "UTF-8"},
		"gzip":                   {"/events/plain", note, []string{"Content-Encoding: gzip"}, 415, "", "Content-Encoding"},
		"empty":                  {"/events/plain", ``, nil, 400, "", "is empty"},
		"white space":            {"/events/plain", " \n", nil, 400, "", "is empty"},
		"a number":               {"/events/plain", `7`, nil, 400, "", "number at byte 0"},
		"broken":                 {"/events/plain", `{"type":"note","data":{"a":tru}}`, nil, 400, "", "byte 30, in /data/a"},
		"cut":                    {"/events/plain", `{"type":"note","data":{"a":1`, nil, 400, "", "byte 28, in /data: it ends too early"},
		"goes on":                {"/events/plain", note + note, nil, 400, "", "byte 25"},
		"duplicate name":         {"/events/plain", `{"type":"note","data":{"a":1,"a":2}}`, nil, 400, "", "byte 29, in /data/a: duplicate"},
		"type twice":             {"/events/plain", `{"type":"note","type":"note","data":{}}`, nil, 400, "", "duplicate"},
		"lone surrogate":         {"/events/plain", `{"type":"note","data":{"a":"\ud800"}}`, nil, 400, "", "byte 28, in /data/a: invalid surrogate"},
		"not UTF-8":              {"/events/plain", "{\"type\":\"note\",\"data\":{\"a\":\"\xff\"}}", nil, 400, "", "byte 28, in /data/a: invalid UTF-8"},
		"a bomb":                 {"/events/plain", strings.Repeat("[", 100_000), nil, 400, "", ""},
		"a bomb within":          {"/events/plain", `{"type":"note","data":` + strings.Repeat("[", 100_000), nil, 400, "", "depth"},
		"unknown member":         {"/events/plain", `{"type":"note","dta":{}}`, nil, 400, "", `no member "dta"; did you mean "data"?`},
		"type no string":         {"/events/plain", `{"type":7,"data":{}}`, nil, 422, "/type", "must be a string"},
		"key no string":          {"/events/chat", `{"type":"said","key":7,"data":{}}`, nil, 422, "/key", "must be a string"},
		"time no string":         {"/events/plain", `{"type":"note","time":7,"data":{}}`, nil, 422, "/time", "must be a string"},
		"time wrong":             {"/events/plain", `{"type":"note","time":"noon","data":{}}`, nil, 422, "/time", "RFC 3339"},
		"no type":                {"/events/plain", `{"data":{}}`, nil, 422, "/type", "is required"},
		"no data":                {"/events/plain", `{"type":"note"}`, nil, 422, "/data", "is required"},
		"schema":                 {"/events/orders", `{"type":"order.shipped","data":{"orderId":"a"}}`, nil, 422, "/data/when", ""},
		"event too large":        {"/events/tiny", `{"type":"note","data":{"a":"` + strings.Repeat("x", 1024) + `"}}`, nil, 413, "", "at most 1024: store the body elsewhere"},
		"body too large":         {"/events/plain", `{"type":"note","data":{"a":"` + strings.Repeat("x", 9<<20) + `"}}`, nil, 413, "", "8388608 bytes"},
		"array empty":            {"/events/plain", `[]`, nil, 400, "", "1 to 1000"},
		"array too long":         {"/events/plain", many, nil, 413, "", "1000 events"},
		"array of no objects":    {"/events/plain", `[` + note + `,1]`, nil, 400, "", "event 1 (from 0)"},
		"array of arrays":        {"/events/plain", `[[]]`, nil, 400, "", "array at byte 1"},
		"array cut":              {"/events/plain", `[` + note + `,`, nil, 400, "", "ends too early"},
		"array goes on":          {"/events/plain", `[` + note + `]]`, nil, 400, "", ""},
		"array with wrong ones":  {"/events/orders", `[{"type":"order.cancelled","data":{"orderId":"a"}},{"type":"order.shipped","data":{"orderId":7}},{"type":"x","data":1}]`, nil, 422, "/1/data/orderId /1/data/when /2/type", "2 of the 3"},
		"idempotency key empty":  {"/events/plain", note, []string{`Idempotency-Key: ""`}, 400, "", "1 to 256"},
		"idempotency key long":   {"/events/plain", note, []string{"Idempotency-Key: " + strings.Repeat("x", 257)}, 400, "", "at most 256"},
		"idempotency key cut":    {"/events/plain", note, []string{`Idempotency-Key: "abc`}, 400, "", "quote"},
		"idempotency key twice":  {"/events/plain", note, []string{"Idempotency-Key: a", "Idempotency-Key: b"}, 400, "", "2 times"},
		"If-Match weak":          {"/events/plain", note, []string{`If-Match: W/"b7k2-1"`}, 400, "", `such as "b7k2-1042"`},
		"If-Match a list":        {"/events/plain", note, []string{`If-Match: "b7k2-1", "b7k2-2"`}, 400, "", ""},
		"If-Match any":           {"/events/plain", note, []string{`If-Match: *`}, 400, "", ""},
		"If-Match empty":         {"/events/plain", note, []string{`If-Match: ""`}, 400, "", ""},
		"If-Match no position":   {"/events/plain", note, []string{`If-Match: "x"`}, 400, "", ""},
		"If-None-Match a tag":    {"/events/plain", note, []string{`If-None-Match: "b7k2-1"`}, 400, "", "only *"},
		"both conditions":        {"/events/plain", note, []string{`If-None-Match: *`, `If-Match: "b7k2-1"`}, 400, "", "exclude"},
		"If-Match on an array":   {"/events/plain", "[" + note + "]", []string{`If-Match: "b7k2-1"`}, 400, "", "single events"},
		"none, If-Match":         {"/events/live", `{"type":"said","data":{}}`, []string{`If-Match: "b7k2-1"`}, 400, "", `"live" has durability none`},
		"none, If-None-Match":    {"/events/live", `{"type":"said","data":{}}`, []string{`If-None-Match: *`}, 400, "", `"live" has durability none`},
		"none, idempotency":      {"/events/live", `{"type":"said","data":{}}`, []string{`Idempotency-Key: a`}, 400, "", `"live" has durability none`},
		"upload, idempotency":    {"/events/plain", note, []string{"Content-Type: application/x-ndjson", `Idempotency-Key: a`}, 400, "", ""},
		"upload, If-None-Match":  {"/events/plain", note, []string{"Content-Type: application/x-ndjson", `If-None-Match: *`}, 400, "", ""},
		"upload, stream unknown": {"/events/x", note, []string{"Content-Type: application/x-ndjson"}, 404, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.post(t, tt.path, tt.body, tt.headers...)
			var at []string
			for _, e := range r.Errors {
				at = append(at, e.Pointer)
			}
			if r.Status != tt.status || strings.Join(at, " ") != tt.at {
				t.Errorf("got %d at %v, want %d at %s: %s", r.Status, at, tt.status, tt.at, r.Text)
			}
			if !strings.Contains(r.Detail, tt.says) && !strings.Contains(r.Text, tt.says) {
				t.Errorf("%s\ndoes not say %s", r.Text, tt.says)
			}
		})
	}
	for _, stream := range s.contract.StreamNames() {
		if stream == "live" {
			continue
		}
		if got := s.stored(t, stream); len(got) != 0 {
			t.Errorf("stream %s: %d refused events are stored", stream, len(got))
		}
	}
}

func TestFormsThatAreTaken(t *testing.T) {
	s := newServer(t)
	note := `{"type":"note","data":{}}`
	for name, headers := range map[string][]string{
		"plain":    {"Content-Type: application/json"},
		"charset":  {`Content-Type: Application/JSON; charset="UTF-8"`},
		"identity": {"Content-Encoding: identity"},
	} {
		if r := s.post(t, "/events/plain", note, headers...); r.Status != 201 {
			t.Errorf("%s: %d %s", name, r.Status, r.Text)
		}
	}
	if r := s.post(t, "/events/plain", " [ "+note+" , "+note+" ] \n"); r.Status != 201 || len(r.IDs) != 2 || r.Header.Get("ETag") != "" {
		t.Errorf("array: %d %s", r.Status, r.Text)
	}
	if r := s.post(t, "/events/live", `{"type":"said","data":{}}`); r.Status != 202 || r.Text != "{}\n" {
		t.Errorf("durability none: %d %s", r.Status, r.Text)
	}
	if r := s.post(t, "/events/live/room", `[{"type":"said","data":{}},{"type":"said","data":{}}]`); r.Status != 202 || r.Text != "{}\n" {
		t.Errorf("durability none, array: %d %s", r.Status, r.Text)
	}
}

func TestKeysInThePathArePercentEncoded(t *testing.T) {
	s := newServer(t)
	for _, key := range []string{"room-1", "a/b", "with space", "100%", "😀", "a+b", "%2F", "default"} {
		if r := s.post(t, "/events/chat/"+url.PathEscape(key), `{"type":"said","data":{}}`); r.Status != 201 {
			t.Errorf("%q: %d %s", key, r.Status, r.Text)
			continue
		}
		entries := s.stored(t, "chat")
		if got := entries[len(entries)-1].Key; got != event.MustKey(key) {
			t.Errorf("%q was stored as %q", key, got)
		}
	}
}

func TestARepeatIsAnsweredAsTheFirst(t *testing.T) {
	s := newServer(t)
	single := func(key string) reply {
		return s.post(t, "/events/plain", `{"type":"note","data":{}}`, "Idempotency-Key: "+key)
	}
	array := func(key string, n int) reply {
		return s.post(t, "/events/plain", "["+strings.Repeat(`{"type":"note","data":{}},`, n-1)+`{"type":"note","data":{}}]`, "Idempotency-Key: "+key)
	}
	first := single("a")
	if first.Status != 201 || first.Duplicate {
		t.Fatalf("first: %d %s", first.Status, first.Text)
	}
	for name, again := range map[string]reply{
		"same":   single("a"),
		"quoted": single(`"a"`),
		"other":  s.post(t, "/events/plain", `{"type":"typed","data":{"x":1}}`, "Idempotency-Key: a"),
	} {
		if again.Status != 200 || again.ID != first.ID || !again.Duplicate || again.Header.Get("ETag") != `"`+first.ID+`"` {
			t.Errorf("%s: %d %s, want %s", name, again.Status, again.Text, first.ID)
		}
	}
	batch := array("b", 3)
	if batch.Status != 201 || len(batch.IDs) != 3 || batch.Duplicate {
		t.Fatalf("array: %d %s", batch.Status, batch.Text)
	}
	for _, n := range []int{3, 1, 2, 5} {
		if again := array("b", n); again.Status != 200 || fmt.Sprint(again.IDs) != fmt.Sprint(batch.IDs) || !again.Duplicate {
			t.Errorf("array of %d after one of 3: %d %s", n, again.Status, again.Text)
		}
	}
	if again := single("b"); again.Status != 200 || again.ID != "" || fmt.Sprint(again.IDs) != fmt.Sprint(batch.IDs) ||
		!again.Duplicate || again.Header.Get("ETag") != "" {
		t.Errorf("single after an array: %d %s", again.Status, again.Text)
	}
	for _, n := range []int{3, 1} {
		if again := array("a", n); again.Status != 200 || again.ID != first.ID || again.IDs != nil || !again.Duplicate ||
			again.Header.Get("ETag") != `"`+first.ID+`"` {
			t.Errorf("array of %d after a single: %d %s", n, again.Status, again.Text)
		}
	}
	one := array("c", 1)
	if again := single("c"); again.Status != 200 || len(one.IDs) != 1 || fmt.Sprint(again.IDs) != fmt.Sprint(one.IDs) || !again.Duplicate {
		t.Errorf("single after an array of one: %d %s, then %d %s", one.Status, one.Text, again.Status, again.Text)
	}
	for _, key := range []string{"b#0", "b#1", `"b\"#0"`, "rb#0", "b#"} {
		if other := single(key); other.Status != 201 {
			t.Errorf("key %s is taken for another: %d %s", key, other.Status, other.Text)
		}
	}
	if got, want := len(s.stored(t, "plain")), 1+3+1+5; got != want {
		t.Errorf("%d events are stored, want %d", got, want)
	}
	if got := s.published(t, "plain"); got != 10 {
		t.Errorf("leat_events_published_total counts %v, want 10", got)
	}
}

func TestConditionsHoldPerKey(t *testing.T) {
	s := newServer(t)
	cancel := func(id string, headers ...string) reply {
		return s.post(t, "/events/orders", `{"type":"order.cancelled","data":{"orderId":"`+id+`"}}`, headers...)
	}
	first := cancel("a", "If-None-Match: *")
	if first.Status != 201 {
		t.Fatalf("first: %d %s", first.Status, first.Text)
	}
	if r := cancel("a", "If-None-Match: *"); r.Status != 412 || r.Position != first.ID || r.Header.Get("ETag") != `"`+first.ID+`"` || r.Retryable {
		t.Errorf("not the first: %d %s", r.Status, r.Text)
	}
	if r := cancel("b", "If-None-Match: *"); r.Status != 201 {
		t.Errorf("first of another key: %d %s", r.Status, r.Text)
	}
	second := cancel("a", `If-Match: "`+first.ID+`"`, "Idempotency-Key: once")
	if second.Status != 201 {
		t.Fatalf("second: %d %s", second.Status, second.Text)
	}
	if r := cancel("a", `If-Match: "`+first.ID+`"`, "Idempotency-Key: once"); r.Status != 200 || r.ID != second.ID || !r.Duplicate {
		t.Errorf("repeat of a conditional request: %d %s", r.Status, r.Text)
	}
	if r := cancel("a", `If-Match: "`+first.ID+`"`); r.Status != 412 || r.Position != second.ID {
		t.Errorf("not the newest: %d %s", r.Status, r.Text)
	}
	if r := cancel("a", "If-Match: "+second.ID); r.Status != 201 {
		t.Errorf("without quotes: %d %s", r.Status, r.Text)
	}
	newest := s.stored(t, "orders")
	for _, position := range []string{"never0had-1", second.ID + "99"} {
		if r := cancel("a", `If-Match: "`+position+`"`); r.Status != 412 || r.Position != newest[len(newest)-1].Position.String() {
			t.Errorf("%s: %d %s", position, r.Status, r.Text)
		}
	}
	if r := cancel("c", `If-Match: "never0had-1"`); r.Status != 412 || r.Position != "" || r.Header.Get("ETag") != "" {
		t.Errorf("key without events: %d %s", r.Status, r.Text)
	}
	empty := ""
	if _, err := s.Publish(t.Context(), "orders", ingest.Event{Type: "order.cancelled", Data: []byte(`{"orderId":"a"}`)}, ingest.Options{IfMatch: &empty}); err == nil {
		t.Error("an empty IfMatch is met by a key with events")
	}
}

func TestAConditionWithoutKeysIsTheStreams(t *testing.T) {
	s := newServer(t)
	first := s.post(t, "/events/plain", `{"type":"note","data":{}}`, "If-None-Match: *")
	if r := s.post(t, "/events/plain", `{"type":"any","data":{}}`, "If-None-Match: *"); first.Status != 201 || r.Status != 412 || r.Position != first.ID {
		t.Errorf("not the first: %d %s", r.Status, r.Text)
	}
	if r := s.post(t, "/events/plain", `{"type":"any","data":{}}`, `If-Match: "`+first.ID+`"`); r.Status != 201 {
		t.Errorf("the newest: %d %s", r.Status, r.Text)
	}
	if r := s.post(t, "/events/plain", `{"type":"note","data":{}}`, `If-Match: "`+first.ID+`"`); r.Status != 412 {
		t.Errorf("of another type since: %d %s", r.Status, r.Text)
	}
}

func TestABodyOfUnknownLengthIsBounded(t *testing.T) {
	s := newServer(t)
	endless := io.LimitReader(repeated(' '), 9<<20)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/events/plain", endless)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if r := send(t, request); r.Status != 413 || !strings.Contains(r.Detail, "8388608 bytes") {
		t.Errorf("got %d %s", r.Status, r.Text)
	}
}

type repeated byte

func (b repeated) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

func TestAnArrayIsStoredWholeOrNotAtAll(t *testing.T) {
	s := newServer(t)
	body := "[" + strings.Repeat(`{"type":"note","data":{"a":1}},`, 999) + `{"type":"note","data":7}]`
	if r := s.post(t, "/events/plain", body); r.Status != 422 || r.Errors[0].Pointer != "/999/data" {
		t.Errorf("got %d %.200s", r.Status, r.Text)
	}
	if n := len(s.stored(t, "plain")); n != 0 {
		t.Errorf("%d events are stored", n)
	}
	if r := s.post(t, "/events/plain", strings.Replace(body, "7}]", "{}}]", 1)); r.Status != 201 || len(r.IDs) != 1000 {
		t.Errorf("got %d %.200s", r.Status, r.Text)
	}
	for i, e := range s.stored(t, "plain") {
		if e.Sequence() != uint64(i+1) {
			t.Fatalf("event %d has the sequence %d", i, e.Sequence())
		}
	}
}

// published is leat_events_published_total of a stream.
func (s *server) published(t *testing.T, stream string) float64 {
	t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "leat_events_published_total" && m.GetLabel()[0].GetValue() == stream {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("no leat_events_published_total of stream %s", stream)
	return 0
}

func TestARefusalDoesNotAskForTheBody(t *testing.T) {
	s := newServer(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST /events/ordrs HTTP/1.1\r\nHost: leat\r\nContent-Type: application/json\r\n"+
		"Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	status, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(status, "HTTP/1.1 404") {
		t.Errorf("got %q, %v", status, err)
	}
}
