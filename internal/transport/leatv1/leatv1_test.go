package leatv1_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/hub"
)

func TestMessagesThatAreWrongAreAnsweredAndNothingElseHappens(t *testing.T) {
	s := serve(t)
	for name, c := range map[string]struct{ sent, ref, detail string }{
		"no JSON":                   {`hello`, "", "offset 0"},
		"invalid JSON":              {`{"op":subscribe}`, "", "offset 6"},
		"an array":                  {`[]`, "", "object"},
		"empty":                     {``, "", "empty"},
		"cut, after the ref":        {`{"ref":"7","op":"sub`, `"7"`, "offset"},
		"two objects":               {`{"op":"publish"}{}`, "", "more"},
		"a name twice":              {`{"op":"publish","op":"publish"}`, "", "offset"},
		"a lone surrogate":          {`{"op":"publish","type":"\ud800"}`, "", "offset"},
		"no op":                     {`{"ref":1}`, `1`, "subscribe, unsubscribe, publish"},
		"op no string":              {`{"op":1}`, "", `\"op\" must be a string`},
		"unknown op":                {`{"op":"subscibe","ref":-1.50e3}`, `-1.50e3`, `did you mean \"subscribe\"?`},
		"command to no backend":     {`{"op":"command","stream":"chat"}`, "", "takes no commands"},
		"ref an object":             {`{"op":"publish","ref":{}}`, "", "ref"},
		"ref true":                  {`{"op":"publish","ref":true}`, "", "ref"},
		"no stream":                 {`{"op":"subscribe","ref":"größer"}`, `"größer"`, "stream"},
		"stream null":               {`{"op":"subscribe","stream":null,"ref":null}`, "", "stream"},
		"unknown member":            {`{"op":"subscribe","stream":"orders","eventTipes":[]}`, "", `did you mean \"eventTypes\"?`},
		"member of another op":      {`{"op":"unsubscribe","stream":"orders","after":"latest"}`, "", "after"},
		"last a string":             {`{"op":"subscribe","stream":"orders","last":"5"}`, "", "number"},
		"last a fraction":           {`{"op":"subscribe","stream":"orders","last":1.5}`, "", "last"},
		"last too large":            {`{"op":"subscribe","stream":"orders","last":10001}`, "", "10000"},
		"allKeys a string":          {`{"op":"subscribe","stream":"chat","allKeys":"true"}`, "", "true or false"},
		"eventTypes a string":       {`{"op":"subscribe","stream":"orders","eventTypes":"order.shipped"}`, "", "array of strings"},
		"eventTypes with a number":  {`{"op":"subscribe","stream":"orders","eventTypes":[1]}`, "", "array of strings"},
		"eventTypes empty":          {`{"op":"subscribe","stream":"orders","eventTypes":[]}`, "", "order.shipped, order.cancelled"},
		"unknown event type":        {`{"op":"subscribe","stream":"orders","eventTypes":["order.shipd"]}`, "", `did you mean \"order.shipped\"?`},
		"malformed after":           {`{"op":"subscribe","stream":"orders","after":"x"}`, "", "b7k2-1042"},
		"after a number":            {`{"op":"subscribe","stream":"orders","after":1}`, "", "must be a string"},
		"two starts":                {`{"op":"subscribe","stream":"orders","after":"earliest","last":1}`, "", "after and last"},
		"unsubscribe, no such key":  {`{"op":"unsubscribe","stream":"orders","key":""}`, "", "key"},
		"publish with data as text": {`{"op":"publish","stream":"orders","type":"order.shipped","data":"{}"}`, "", `"pointer":"/data"`},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.connect(t, nil)
			p.send(c.sent)
			ref := ""
			if c.ref != "" {
				ref = `,"ref":` + c.ref
			}
			p.wants(`{"op":"error"` + ref + `,"error":{"type":…` + c.detail + `…}}`)
			p.send(`{"op":"unsubscribe","stream":"orders","ref":"still here"}`)
			p.wants(`{"op":"error","ref":"still here","error":{…"status":404,…}}`)
		})
	}
}

func TestASubscriptionGetsEventsBetweenSubscribedAndUnsubscribed(t *testing.T) {
	p := serve(t).connect(t, nil)
	p.send(`{"op":"publish","ref":1,"stream":"orders","type":"order.shipped","data":{ "orderId" : "a" },"time":"2024-05-01T12:00:00+02:00"}`)
	p.wants(`{"op":"ack","ref":1,"id":"…-1"}`)
	p.send(`{"op":"subscribe","ref":"s","stream":"orders","after":"earliest","_note":"ignored","eventTypes":["order.shipped"]}`)
	p.wants(`{"op":"subscribed","ref":"s","stream":"orders","id":"…-0"}`,
		`{"op":"event","stream":"orders","id":"…-1","type":"order.shipped","key":"a","time":"2024-05-01T10:00:00.000Z","data":{"orderId":"a"}}`,
		`{"op":"event","stream":"orders","id":"…-1","type":"leat.live","time":"…Z","data":{"position":"…-1"}}`)
	p.send(`{"op":"publish","stream":"orders","type":"order.shipped","key":"b","data":{"orderId":"b"}}`)
	got := []string{<-p.messages, <-p.messages} // ack and event go their own ways
	if !like(got[0]+got[1], `…{"op":"ack","id":"…-2"}…`) || !like(got[0]+got[1], `…{"op":"event",…"key":"b",…`) {
		t.Errorf("got %s", got)
	}
	p.send(`{"op":"unsubscribe","ref":"u","stream":"orders"}`)
	p.wants(`{"op":"unsubscribed","ref":"u","stream":"orders","id":"…-2"}`)
	p.send(`{"op":"publish","stream":"orders","type":"order.shipped","data":{"orderId":"c"}}`)
	p.wants(`{"op":"ack","id":"…-3"}`)
	p.send(`{"op":"unsubscribe","stream":"orders"}`)
	p.wants(`{"op":"error","error":{…"status":404,…}}`)
}

func TestAnOverlapIsAConflict(t *testing.T) {
	p := serve(t).connect(t, nil)
	for _, step := range []struct{ sent, want string }{
		{`{"op":"subscribe","stream":"orders","key":"a"}`, `{"op":"subscribed","stream":"orders","key":"a","id":"…"}`},
		{`{"op":"subscribe","stream":"orders","key":"b"}`, `{"op":"subscribed","stream":"orders","key":"b","id":"…"}`},
		{`{"op":"subscribe","stream":"orders","key":"a","after":"earliest"}`, `{"op":"error",…"status":409,…`},
		{`{"op":"subscribe","stream":"orders"}`, `{"op":"error",…"status":409,…`},
		{`{"op":"unsubscribe","stream":"orders"}`, `{"op":"error",…"status":404,…`},
		{`{"op":"unsubscribe","stream":"orders","key":"a"}`, `{"op":"unsubscribed","stream":"orders","key":"a","id":"…"}`},
		{`{"op":"unsubscribe","stream":"orders","key":"b"}`, `{"op":"unsubscribed",…`},
		{`{"op":"subscribe","stream":"orders"}`, `{"op":"subscribed","stream":"orders","id":"…"}`},
		{`{"op":"subscribe","stream":"orders","key":"a"}`, `{"op":"error",…"status":409,…`},
		{`{"op":"subscribe","stream":"orders"}`, `{"op":"error",…"status":409,…`},
		{`{"op":"subscribe","stream":"chat"}`, `{"op":"subscribed","stream":"chat","key":"default","id":"…"}`},
		{`{"op":"subscribe","stream":"chat","key":"default"}`, `{"op":"error",…"status":409,…`},
		{`{"op":"subscribe","stream":"chat","allKeys":true}`, `{"op":"error",…"status":409,…`},
		{`{"op":"unsubscribe","stream":"chat"}`, `{"op":"unsubscribed","stream":"chat","key":"default","id":"…"}`},
		{`{"op":"subscribe","stream":"chat","allKeys":true}`, `{"op":"subscribed","stream":"chat","id":"…"}`},
		{`{"op":"unsubscribe","stream":"chat","key":"default"}`, `{"op":"error",…"status":404,…`},
		{`{"op":"unsubscribe","stream":"chat"}`, `{"op":"unsubscribed","stream":"chat","id":"…"}`},
		{`{"op":"subscribe","stream":"ticks"}`, `{"op":"subscribed","stream":"ticks"}`},
		{`{"op":"unsubscribe","stream":"ticks"}`, `{"op":"unsubscribed","stream":"ticks"}`},
	} {
		p.send(step.sent)
		p.wants(step.want)
	}
}

func TestAConnectionHasAtMost128Subscriptions(t *testing.T) {
	p := serve(t).connect(t, nil)
	for i := range 128 {
		p.send(fmt.Sprintf(`{"op":"subscribe","stream":"orders","key":"%d"}`, i))
		p.wants(`{"op":"subscribed",…`)
	}
	p.send(`{"op":"subscribe","stream":"chat"}`)
	p.wants(`{"op":"error","error":{…"status":429,…"retryable":true…}}`)
	p.send(`{"op":"unsubscribe","stream":"orders","key":"0"}`)
	p.wants(`{"op":"unsubscribed",…`)
	p.send(`{"op":"subscribe","stream":"chat"}`)
	p.wants(`{"op":"subscribed",…`)
}

func TestControlEventsNameTheKeyOfTheirSubscription(t *testing.T) {
	p := serve(t).connect(t, nil)
	p.send(`{"op":"subscribe","stream":"orders","key":"a","after":"other-1"}`)
	p.wants(`{"op":"subscribed","stream":"orders","key":"a","id":"other-1"}`,
		`{"op":"event","stream":"orders","id":"…-0","type":"leat.gap","key":"a","time":"…","data":{"after":"other-1","resumedAfter":"…-0","reason":"reset"}}`,
		`{"op":"event","stream":"orders","id":"…-0","type":"leat.live","key":"a",…`)
}

func TestPublishingTakesConditionsAndIdempotencyKeys(t *testing.T) {
	p := serve(t).connect(t, nil)
	const shipped = `"op":"publish","stream":"orders","type":"order.shipped","data":{"orderId":"a"}`
	p.send(`{` + shipped + `,"ifMatch":"","idempotencyKey":"k"}`)
	p.wants(`{"op":"ack","id":"…-1"}`)
	p.send(`{` + shipped + `,"idempotencyKey":"k","ref":0}`)
	p.wants(`{"op":"ack","ref":0,"id":"…-1","duplicate":true}`)
	p.send(`{` + shipped + `,"ifMatch":""}`)
	p.wants(`{"op":"error","error":{…"status":412,…"position":"…-1"…}}`)
	p.send(`{"op":"publish","stream":"ticks","type":"tick","data":{},"ref":"t"}`)
	p.wants(`{"op":"ack","ref":"t"}`)
	p.send(`{"op":"publish","stream":"order","type":"tick","data":{}}`)
	p.wants(`{"op":"error","error":{…"status":404,…did you mean \"orders\"…}}`)
	p.send(`{"op":"publish","stream":"chat","key":"r","type":"said","data":{}}`)
	p.wants(`{"op":"error","error":{…"status":422,…"pointer":"/data/text"…}}`)
}

func TestOnTheAddressOfAStreamOperationsAreAboutIt(t *testing.T) {
	s := serve(t)
	p := s.connect(t, &hub.Params{Stream: "chat", Key: new("room")})
	p.wants(`{"op":"subscribed","stream":"chat","key":"room","id":"…"}`)
	p.send(`{"op":"publish","stream":"orders","type":"order.shipped","data":{"orderId":"a"},"ref":1}`)
	p.wants(`{"op":"error","ref":1,"error":{…"status":400,…/ws…}}`)
	p.send(`{"op":"subscribe"}`)
	p.wants(`{"op":"error","error":{…"status":409,…}}`)
	p.send(`{"op":"publish","key":"other","type":"said","data":{"text":"elsewhere"}}`)
	p.wants(`{"op":"error","error":{…"status":422,…"pointer":"/key"…}}`)
	p.send(`{"op":"publish","key":"room","type":"said","data":{"text":"here"}}`)
	got := []string{<-p.messages, <-p.messages}
	if !like(got[0]+got[1], `…"id":"…-1"…`) || !like(got[0]+got[1], `…"key":"room"…"data":{"text":"here"}…`) {
		t.Errorf("got %s", got)
	}
	p.send(`{"op":"unsubscribe"}`)
	p.wants(`{"op":"unsubscribed","stream":"chat","key":"room","id":"…-1"}`)
	p.send(`{"op":"subscribe","allKeys":true}`)
	p.wants(`{"op":"subscribed","stream":"chat","id":"…-1"}`)
}

// As with POST: a key in the path and one in the body must be equal, and where the path has none, the body's is it.
func TestAKeyInTheAddressAndOneInAMessageMustBeEqual(t *testing.T) {
	s := serve(t)
	for _, c := range []struct{ stream, key, message, want string }{
		{"orders", "a", `"key":"b","type":"order.shipped","data":{"orderId":"b"}`, `{"op":"error",…"status":422,…"pointer":"/key"…}`},
		{"orders", "a", `"type":"order.shipped","data":{"orderId":"b"}`, `{"op":"error",…"status":422,…"pointer":"/key"…}`},
		{"chat", "default", `"key":"b","type":"said","data":{"text":"x"}`, `{"op":"error",…"status":422,…"pointer":"/key"…}`},
		{"chat", "", `"key":"b","type":"said","data":{"text":"x"}`, `{"op":"ack",…}`},
		{"orders", "", `"key":"b","type":"order.shipped","data":{"orderId":"b"}`, `{"op":"ack",…}`},
	} {
		home := hub.Params{Stream: c.stream, EventTypes: &[]string{"order.cancelled"}}
		if c.stream == "chat" {
			home.EventTypes = nil
		}
		if c.key != "" {
			home.Key = &c.key
		}
		p := s.connect(t, &home)
		p.wants(`{"op":"subscribed",…}`)
		p.send(`{"op":"publish",` + c.message + `}`)
		p.wants(c.want)
	}
}

func TestCloseWaitsForTheLeatEndOfEachSubscription(t *testing.T) {
	p := serve(t).connect(t, nil)
	for _, key := range []string{"a", "b", "c"} {
		p.send(`{"op":"subscribe","stream":"orders","key":"` + key + `"}`)
		p.wants(`{"op":"subscribed",…`)
	}
	p.conn.End(event.EndDrain)
	p.Close()
	ended := map[string]bool{}
	for range len(p.messages) {
		var e struct{ Type, Key string }
		if err := json.Unmarshal([]byte(<-p.messages), &e); err != nil || e.Type != "leat.end" {
			t.Fatalf("got %+v, %v", e, err)
		}
		ended[e.Key] = true
	}
	if len(ended) != 3 {
		t.Errorf("leat.end came for %v, want a, b and c", ended)
	}
}

func TestEventsComeOnceAndInOrderWhileKeysComeAndGo(t *testing.T) {
	s := serve(t)
	p, publisher := s.connect(t, nil), s.connect(t, nil)
	const events = 300
	published := make(chan struct{})
	go func() {
		defer close(published)
		for i := range events {
			if err := publisher.Handle(context.Background(), fmt.Appendf(nil, `{"op":"publish","stream":"orders","type":"order.shipped","data":{"orderId":"a","n":%d}}`, i)); err != nil {
				t.Error(err)
			}
		}
	}()
	after := "earliest"
	var seen []string
	for len(seen) < events {
		p.send(`{"op":"subscribe","stream":"orders","key":"a","after":"` + after + `"}`)
		for range 20 { // and then go, and come back
			var m struct {
				Op, Type, ID string
				Data         struct{ N json.Number }
			}
			if err := json.Unmarshal([]byte(<-p.messages), &m); err != nil {
				t.Fatal(err)
			}
			if m.Type == "order.shipped" {
				seen = append(seen, m.Data.N.String())
			}
			if len(seen) == events {
				break
			}
		}
		p.send(`{"op":"unsubscribe","stream":"orders","key":"a"}`)
		for {
			var m struct {
				Op, Type, ID string
				Data         struct{ N json.Number }
			}
			if err := json.Unmarshal([]byte(<-p.messages), &m); err != nil {
				t.Fatal(err)
			}
			if m.Type == "order.shipped" {
				seen = append(seen, m.Data.N.String())
			}
			if m.Op == "unsubscribed" {
				after = m.ID
				break
			}
		}
	}
	<-published
	for i, n := range seen {
		if n != fmt.Sprint(i) {
			t.Fatalf("event %d is number %s: %s", i, n, strings.Join(seen, " "))
		}
	}
}

// Whatever the message, it is answered with one JSON object, and the session goes on.
func FuzzMessage(f *testing.F) {
	for _, seed := range []string{
		`{"op":"subscribe","ref":"1","stream":"orders","key":"a","eventTypes":["order.shipped"],"after":"latest"}`,
		`{"op":"publish","ref":2,"stream":"orders","type":"order.shipped","data":{"orderId":"a"},"time":"2024-05-01T10:00:00Z","ifMatch":"","idempotencyKey":"k"}`,
		`{"op":"unsubscribe","stream":"chat","allKeys":true}`, `{"op":"x","ref":"\u0000é"}`, `{"op":"subscribe","last":1e1}`, `{`, `[]`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	s := serve(f)
	f.Fuzz(func(t *testing.T, message []byte) {
		p := s.connect(t, nil)
		if err := p.Handle(context.Background(), message); err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Op    string
			Ref   json.RawMessage
			Error json.RawMessage
		}
		text := <-p.messages
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatalf("the answer is no JSON: %v: %s", err, text)
		}
		switch answer.Op {
		case "error", "ack", "subscribed":
		default:
			t.Fatalf("got %s", text)
		}
		if len(answer.Ref) > 0 && !strings.Contains(string(message), string(answer.Ref)) {
			t.Errorf("ref %s is not what the client wrote", answer.Ref)
		}
	})
}

func TestErrorsNameTheMembersThatTheClientSent(t *testing.T) {
	p := serve(t).connect(t, nil)
	long := strings.Repeat("k", 257)
	for _, c := range []struct{ stream, eventType, members, detail string }{
		{"orders", "order.shipped", `"ifMatch":"x"`, "ifMatch"},
		{"orders", "order.shipped", `"ifMatch":"never0had-1"`, "ifMatch"},
		{"orders", "order.shipped", `"idempotencyKey":"` + long + `"`, "idempotencyKey"},
		{"ticks", "tick", `"idempotencyKey":"k"`, "idempotencyKey"},
		{"ticks", "tick", `"ifMatch":""`, "ifMatch"},
	} {
		p.send(`{"op":"publish","stream":"` + c.stream + `","type":"` + c.eventType + `","data":{"orderId":"a"},` + c.members + `}`)
		got := <-p.messages
		if !strings.Contains(got, `"op":"error"`) || !strings.Contains(got, c.detail) || strings.Contains(got, "If-") || strings.Contains(got, "Idempotency-Key") {
			t.Errorf("%s %s: got %s; want %s named, and no header", c.stream, c.members, got, c.detail)
		}
	}
}

func TestWhatComesWhenTheServerHasEndedTheConnectionIsNotDone(t *testing.T) {
	s := serve(t)
	p := s.connect(t, nil)
	p.conn.End(event.EndDrain)
	for _, message := range []string{
		`{"op":"command","ref":1,"stream":"orders","type":"ship","data":{}}`,
		`{"op":"publish","ref":1,"stream":"orders","type":"order.shipped","data":{"orderId":"a"}}`,
		`{"op":"subscribe","ref":1,"stream":"orders"}`,
	} {
		p.send(message)
		p.wants(`{"op":"error","ref":1,"error":{…"status":503,…nothing was stored or sent…"retryable":true…}}`)
	}
	state, err := s.hub.State(t.Context(), "orders")
	if err != nil || state.Last != 0 {
		t.Errorf("stored up to %d, %v", state.Last, err)
	}
}
