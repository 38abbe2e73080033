package websocket_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
)

const cloudEvents = "cloudevents.json"

// cloudEvent is one as a client sends it.
func cloudEvent(id, eventType string, more ...string) string {
	return `{"specversion":"1.0","id":"` + id + `","source":"/shop","type":"` + eventType + `"` + strings.Join(append([]string{""}, more...), ",") + `}`
}

func TestACloudEventIsStoredAndComesBackAsOne(t *testing.T) {
	s := serve(t)
	shipped := `{"specversion":"1.0","id":"…","source":"/events/orders","type":"order.shipped","subject":"a","time":"…","datacontenttype":"application/json","data":{"orderId":"a"}}`
	data := `"data":{"orderId":"a"}`
	for name, c := range map[string]struct{ path, sent, want string }{
		"the least":            {"/ws/orders", cloudEvent("1", "order.shipped", data), shipped},
		"to the key":           {"/ws/orders/a", cloudEvent("2", "order.shipped", data), shipped},
		"with a subject":       {"/ws/orders/a", cloudEvent("3", "order.shipped", data, `"subject":"a"`), shipped},
		"extensions":           {"/ws/orders", cloudEvent("4", "order.shipped", `"x":{"y":1},"traceparent":"0","dataschema":null`, data), shipped},
		"its type of data":     {"/ws/orders", cloudEvent("5", "order.shipped", `"datacontenttype":"application/json; charset=utf-8"`, data), shipped},
		"null is left out":     {"/ws/orders", cloudEvent("6", "order.shipped", `"subject":null,"time":null,"data_base64":null`, data), shipped},
		"base64":               {"/ws/orders", cloudEvent("7", "order.shipped", `"data_base64":"eyJvcmRlcklkIjoiYSJ9"`), shipped},
		"white space":          {"/ws/orders", " {\n\t\"data\" : { \"orderId\" : \"a\" } , \"type\":\"order.shipped\",\"id\":\"8\",\"source\":\"s\", \"specversion\" : \"1.0\" }\r\n", shipped},
		"its time":             {"/ws/readings", cloudEvent("1", "level", `"time":"2001-02-03T04:05:06.7891+01:00","data":7`), `{"specversion":"1.0","id":"…","source":"/events/readings","type":"level","time":"2001-02-03T03:05:06.789Z","datacontenttype":"application/json","data":7}`},
		"a member type":        {"/ws/readings", cloudEvent("2", "typed", `"data":{"type":"x"}`), `{…"type":"typed",…"data":{"type":"x"}}`},
		"subject without keys": {"/ws/readings", cloudEvent("3", "level", `"data":7,"subject":"s"`), `{…"source":"/events/readings","type":"level","time":…"data":7}`},
		"a room":               {"/ws/chat/a%2Fb%20%22%F0%9F%98%80", cloudEvent("1", "said", `"data":{"text":"hi"}`), `{…"subject":"a/b \"😀",…"data":{"text":"hi"}}`},
		"the default room":     {"/ws/chat", cloudEvent("2", "said", `"data":{"text":"hi"}`), `{…"subject":"default",…"data":{"text":"hi"}}`},
		"a room by subject":    {"/ws/chat?allKeys=true", cloudEvent("3", "said", `"subject":"r","data":{"text":"hi"}`), `{…"subject":"r",…"data":{"text":"hi"}}`},
		"live only":            {"/ws/ticks", cloudEvent("1", "tick", `"data":{"n":1}`), `{"specversion":"1.0","id":"…","source":"/events/ticks","type":"tick","time":"…","datacontenttype":"application/json","data":{"n":1}}`},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.dial(t, c.path, "mqtt", cloudEvents, "leat.v1")
			if got := p.Subprotocol(); got != cloudEvents {
				t.Errorf("got subprotocol %q", got)
			}
			p.send(c.sent)
			p.wants(c.want)
		})
	}
}

// refused is a leat.error; data is its data up to the problem.
func refused(stream, data, problem string) string {
	return `{"specversion":"1.0","id":"…","source":"/events/` + stream + `","type":"leat.error","time":"…","datacontenttype":"application/json","data":{` + data + `"error":{"type":"about:blank",…"status":` + problem + `…}}}`
}

func TestCloudEventsThatAreRefusedAreNamed(t *testing.T) {
	s := serve(t)
	named, data := `"id":"1","source":"/shop",`, `"data":{"orderId":"a"}`
	good := cloudEvent("1", "order.shipped", data)
	for name, c := range map[string]struct{ path, sent, data, problem string }{
		"no JSON":             {"/ws/orders", `hello`, ``, `400,"detail":"the message is not valid…byte 0…`},
		"empty":               {"/ws/orders", ``, ``, `400,…empty…specversion…`},
		"a string":            {"/ws/orders", `"x"`, ``, `400,…string at byte 0…specversion…`},
		"a batch":             {"/ws/orders", `[` + good + `]`, ``, `400,…array…one event a message…`},
		"an empty batch":      {"/ws/orders", ` []`, ``, `400,…array…`},
		"flat":                {"/ws/orders", `{"type":"order.shipped","orderId":"a"}`, ``, `422,…"pointer":"/specversion"…"pointer":"/id"…"pointer":"/source"…`},
		"leat.v1":             {"/ws/orders", `{"op":"publish"}`, ``, `422,…"pointer":"/type"…`},
		"two":                 {"/ws/orders", good + good, named, `400,…goes on…`},
		"cut":                 {"/ws/orders", good[:len(good)-1], named, `400,…too early…`},
		"a name twice":        {"/ws/orders", cloudEvent("1", "order.shipped", data, `"id":"2"`), named, `400,…duplicate…`},
		"a name twice deeper": {"/ws/orders", cloudEvent("1", "order.shipped", `"data":{"orderId":"a","orderId":"b"}`), named, `400,…duplicate…`},
		"a lone surrogate":    {"/ws/orders", cloudEvent("1", "order.shipped", `"data":{"orderId":"\ud800"}`), named, `400,…`},
		"specversion 0.3":     {"/ws/orders", strings.Replace(good, "1.0", "0.3", 1), named, `422,…"pointer":"/specversion"…1.0…`},
		"specversion 1":       {"/ws/orders", strings.Replace(good, `"1.0"`, "1.0", 1), named, `422,…"pointer":"/specversion"…`},
		"no id":               {"/ws/orders", strings.Replace(good, `"id":"1",`, "", 1), `"source":"/shop",`, `422,…"pointer":"/id"…`},
		"an empty id":         {"/ws/orders", cloudEvent("", "order.shipped", data), `"id":"","source":"/shop",`, `422,…"pointer":"/id"…`},
		"id no string":        {"/ws/orders", strings.Replace(good, `"1"`, " 1", 1), `"id":1,"source":"/shop",`, `422,…"pointer":"/id"…`},
		"id null":             {"/ws/orders", strings.Replace(good, `"1"`, "null", 1), `"id":null,"source":"/shop",`, `422,…"pointer":"/id"…`},
		"an id with escapes":  {"/ws/orders", cloudEvent(`\u0041\"`, "order.shipped", `"data":{}`), `"id":"\u0041\"","source":"/shop",`, `422,…`},
		"no source":           {"/ws/orders", strings.Replace(good, `"source":"/shop",`, "", 1), `"id":"1",`, `422,…"pointer":"/source"…`},
		"no type":             {"/ws/orders", strings.Replace(good, `"type":"order.shipped",`, "", 1), named, `422,…"pointer":"/type"…`},
		"type no string":      {"/ws/orders", strings.Replace(good, `"order.shipped"`, "[]", 1), named, `422,…"pointer":"/type"…`},
		"unknown type":        {"/ws/orders", cloudEvent("1", "order.shiped", data), named, `422,…order.shipped…"pointer":"/type"…`},
		"a control type":      {"/ws/orders", cloudEvent("1", "leat.gap", data), named, `422,…"pointer":"/type"…`},
		"no data":             {"/ws/orders", cloudEvent("1", "order.shipped"), named, `422,…"pointer":"/data"…`},
		"against the schema":  {"/ws/orders", cloudEvent("1", "order.shipped", `"data":{"orderId":1}`), named, `422,…"pointer":"/data/orderId"…`},
		"data twice":          {"/ws/orders", cloudEvent("1", "order.shipped", data, `"data_base64":"e30="`), named, `422,…"pointer":"/data_base64"…`},
		"no base64":           {"/ws/orders", cloudEvent("1", "order.shipped", `"data_base64":"{}"`), named, `422,…"pointer":"/data_base64"…`},
		"base64 no string":    {"/ws/orders", cloudEvent("1", "order.shipped", `"data_base64":{}`), named, `422,…"pointer":"/data_base64"…`},
		"base64 of no JSON":   {"/ws/orders", cloudEvent("1", "order.shipped", `"data_base64":"aGk="`), named, `400,…byte 0…`},
		"data that is XML":    {"/ws/orders", cloudEvent("1", "order.shipped", data, `"datacontenttype":"text/xml"`), named, `415,…text/xml…`},
		"a bad time":          {"/ws/orders", cloudEvent("1", "order.shipped", data, `"time":"now"`), named, `422,…"pointer":"/time"…`},
		"another key":         {"/ws/orders/b", good, named, `422,…"pointer":"/key"…`},
		"another subject":     {"/ws/orders", cloudEvent("1", "order.shipped", data, `"subject":"b"`), named, `422,…CloudEvents subject…"pointer":"/key"…`},
		"another room":        {"/ws/chat/a", cloudEvent("1", "said", `"subject":"b","data":{"text":""}`), named, `422,…"pointer":"/key"…`},
		"not default's room":  {"/ws/chat/default", cloudEvent("1", "said", `"subject":"b","data":{"text":""}`), named, `422,…"pointer":"/key"…`},
		"an empty subject":    {"/ws/chat", cloudEvent("1", "said", `"subject":"","data":{"text":""}`), named, `422,…"pointer":"/key"…`},
	} {
		t.Run(name, func(t *testing.T) {
			stream, _, _ := strings.Cut(strings.TrimPrefix(c.path, "/ws/"), "/")
			p := s.dial(t, c.path, cloudEvents)
			p.send(c.sent)
			p.wants(refused(stream, c.data, c.problem))
			p.send(`null`)
			p.wants(refused(stream, "", `400,…null at byte 0…`))
		})
	}
}

func TestARepeatedCloudEventIsStoredOnceAndInSilence(t *testing.T) {
	s := serve(t)
	p := s.dial(t, "/ws/readings", cloudEvents)
	for _, message := range []string{cloudEvent("1", "level", `"data":1`), cloudEvent("1", "level", `"data":2`), cloudEvent("2", "level", `"data":3`)} {
		p.send(message)
	}
	p.wants(`{…"data":1}`, `{…"data":3}`)
}

// Without allKeys a subscription of rooms is one to the default room, but what is sent may name another.
func TestTheSubjectOfACloudEventChoosesTheRoom(t *testing.T) {
	s := serve(t)
	p, room := s.dial(t, "/ws/chat", cloudEvents), s.dial(t, "/ws/chat/r", cloudEvents)
	p.send(cloudEvent("1", "said", `"subject":"r","data":{"text":"in r"}`))
	room.wants(`{…"subject":"r",…"data":{"text":"in r"}}`)
	p.send(cloudEvent("2", "said", `"data":{"text":"in default"}`))
	p.wants(`{…"subject":"default",…"data":{"text":"in default"}}`)
}

func TestControlEventsAreCloudEventsToo(t *testing.T) {
	s := serve(t)
	id := s.publish(t, "readings", "level", "", "1")
	control := func(eventType, data string) string {
		return `{"specversion":"1.0","id":"` + id + `","source":"/events/readings","type":"` + eventType + `","time":"…","datacontenttype":"application/json","data":` + data + `}`
	}
	p := s.dial(t, "/ws/readings?after="+id+"0", cloudEvents)
	p.wants(control("leat.gap", `{"after":"`+id+`0","resumedAfter":"`+id+`","reason":"unknown"}`),
		control("leat.live", `{"position":"`+id+`"}`), control("leat.heartbeat", `{"position":"`+id+`"}`))
	drain(t, s)
	p.wants(control("leat.end", `{"reason":"drain","position":"`+id+`","reconnectAfterMs":…}`))
	p.wantsClose(1012)
}

// A told is what names a CloudEvent that the server sent.
type told struct{ ID, Source, Type string }

func (p peer) told() (e told) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.next()), &e); err != nil || e.ID == "" || e.Source == "" || e.Type == "" {
		p.t.Fatalf("got %+v, %v", e, err)
	}
	return e
}

func TestTheIDOfACloudEventIsAPositionAlsoOfAControlEvent(t *testing.T) {
	s := serve(t)
	id := s.publish(t, "readings", "level", "", "1")
	p := s.dial(t, "/ws/readings?after=earliest", cloudEvents)
	for _, eventType := range []string{"level", "leat.live", "leat.heartbeat"} {
		if e, want := p.told(), (told{id, "/events/readings", eventType}); e != want {
			t.Errorf("got %+v, want %+v", e, want)
		}
	}
	p.send("{}")
	if e := p.told(); e.Type != "leat.error" || e.Source != "/events/readings" || e.ID == id {
		t.Errorf("got %+v, want a leat.error with an id of its own", e)
	}
}

func TestCloudEventsOfAStreamWithoutPositionsHaveIDsThatAreNone(t *testing.T) {
	s, again := serve(t), serve(t)
	a, b, other := s.dial(t, "/ws/ticks", cloudEvents), s.dial(t, "/ws/ticks", cloudEvents), again.dial(t, "/ws/ticks", cloudEvents)
	seen := map[string]bool{}
	for range 3 {
		s.publish(t, "ticks", "tick", "", `{}`)
		again.publish(t, "ticks", "tick", "", `{}`)
		first, second, third := a.told(), b.told(), other.told()
		if first != second {
			t.Errorf("one event is %+v to one subscriber, and %+v to another", first, second)
		}
		for _, e := range []told{first, third} {
			if seen[e.ID] || e.Source != "/events/ticks" || regexp.MustCompile(`^[a-z0-9]+-\d+$`).MatchString(e.ID) {
				t.Errorf("got %+v", e)
			}
			seen[e.ID] = true
		}
	}
	drain(t, s)
	a.wants(`{"specversion":"1.0","id":"…","source":"/events/ticks","type":"leat.end",…`)
}

func TestABinaryMessageWhereACloudEventIsDueEndsTheConnection(t *testing.T) {
	p := serve(t).dial(t, "/ws/orders", cloudEvents)
	if err := p.Write(t.Context(), coder.MessageBinary, []byte(cloudEvent("1", "order.shipped", `"data":{"orderId":"a"}`))); err != nil {
		t.Fatal(err)
	}
	p.wantsClose(1003)
}

func TestGorillaSpeaksCloudEvents(t *testing.T) {
	s := serve(t)
	dialer := gorilla.Dialer{Subprotocols: []string{"cloudevents.avro", cloudEvents}}
	conn, _, err := dialer.Dial(strings.Replace(s.URL, "http", "ws", 1)+"/ws/orders/a?eventTypes=order.cancelled", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if conn.Subprotocol() != cloudEvents {
		t.Errorf("got subprotocol %q", conn.Subprotocol())
	}
	for _, eventType := range []string{"order.shipped", "order.cancelled"} {
		sent := map[string]any{"specversion": "1.0", "id": eventType, "source": "urn:shop", "type": eventType, "data": map[string]string{"orderId": "a"}}
		if err := conn.WriteJSON(sent); err != nil {
			t.Fatal(err)
		}
	}
	kind, message, err := conn.ReadMessage()
	want := `{"specversion":"1.0","id":"…","source":"/events/orders","type":"order.cancelled","subject":"a",…"data":{"orderId":"a"}}`
	if err != nil || kind != gorilla.TextMessage || !like(string(message), want) {
		t.Errorf("got %d %s, %v; want %s", kind, message, err, want)
	}
}

// Whatever text a client sends, it is stored or refused, and all that it gets back is CloudEvents.
func FuzzCloudEvents(f *testing.F) {
	for _, seed := range []string{
		cloudEvent("1", "nothing", `"data":{}`), cloudEvent("2", "level", `"data":1`, `"subject":"\ud83d\ude00"`), `{"id":{"id":1},"source":"\ud800"}`, `[]`, ``,
		`{"id":"a","id":"b"}`, `{"source":"\u0000","id":1e400`, cloudEvent("3", "level", `"data_base64":"MQ=="`),
	} {
		f.Add(seed)
	}
	s := serve(f)
	p := s.dial(f, "/ws/readings", cloudEvents)
	f.Fuzz(func(t *testing.T, message string) {
		p.t = t
		if len(message) > 60<<10 || strings.ToValidUTF8(message, "") != message {
			return // FuzzFrames has those
		}
		p.send(message)
		p.send(`{"id":"sentinel","source":"/fuzz"}`)
		for refused := 0; ; {
			var e struct {
				Specversion, ID, Source, Type, Datacontenttype string
				Data                                           json.RawMessage
			}
			text := p.next()
			if err := json.Unmarshal([]byte(text), &e); err != nil || e.Specversion != "1.0" || e.ID == "" || e.Type == "" ||
				!strings.HasPrefix(e.Source, "/events/readings") || e.Datacontenttype != "application/json" || e.Data == nil {
				t.Fatalf("sent %q, got %s: %v", message, text, err)
			}
			if e.Type != "leat.error" {
				continue
			}
			if strings.HasPrefix(string(e.Data), `{"id":"sentinel","source":"/fuzz","error":`) {
				return
			}
			if refused++; refused > 1 {
				t.Fatalf("sent %q, and what is wrong came back as %s", message, text)
			}
		}
	})
}
