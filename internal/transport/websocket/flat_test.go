package websocket_test

import (
	"testing"
)

func TestFlatIsTypeFirstThenTheMembersOfTheData(t *testing.T) {
	s := serve(t)
	for name, c := range map[string]struct{ path, sent, want string }{
		"as a person types it":    {"/ws/orders", `{"type":"order.shipped","orderId":"a"}`, `{"type":"order.shipped","orderId":"a"}`},
		"type last":               {"/ws/orders", `{"orderId":"a" , "type":"order.shipped"}`, `{"type":"order.shipped","orderId":"a"}`},
		"type in the middle":      {"/ws/orders", `{"orderId":"a","type":"order.shipped","note":"b"}`, `{"type":"order.shipped","orderId":"a","note":"b"}`},
		"type with an escape":     {"/ws/orders", `{"typ\u0065":"order\u002eshipped","orderId":"a"}`, `{"type":"order.shipped","orderId":"a"}`},
		"members as they are":     {"/ws/orders", "{ \"type\" :\"order.shipped\",\n\"orderId\":\"\\u0061\",\"n\":1.50e1}", `{"type":"order.shipped","orderId":"\u0061","n":1.50e1}`},
		"type deeper down":        {"/ws/orders", `{"type":"order.shipped","orderId":"a","x":{"type":1}}`, `{"type":"order.shipped","orderId":"a","x":{"type":1}}`},
		"data that is no object":  {"/ws/readings", `{"type":"level","data": 7 }`, `{"type":"level","data":7}`},
		"data with a member type": {"/ws/readings", `{"data":{"type":"x"},"type":"typed"}`, `{"type":"typed","data":{"type":"x"}}`},
		"no members":              {"/ws/readings", `{"type":"nothing"}`, `{"type":"nothing"}`},
		"no members, some space":  {"/ws/readings", `{ "type" : "nothing" }`, `{"type":"nothing"}`},
		"a room":                  {"/ws/chat/a%2Fb%20%F0%9F%98%80", `{"type":"said","text":"hi"}`, `{"type":"said","text":"hi"}`},
		"the default room":        {"/ws/chat", `{"type":"said","text":"hi"}`, `{"type":"said","text":"hi"}`},
		"an order of its own":     {"/ws/orders/a", `{"type":"order.shipped","orderId":"a"}`, `{"type":"order.shipped","orderId":"a"}`},
		"live only":               {"/ws/ticks", `{"type":"tick","n":1}`, `{"type":"tick","n":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			for _, subprotocol := range []string{"", "leat.flat"} {
				var offered []string
				if subprotocol != "" {
					offered = []string{subprotocol}
				}
				p := s.dial(t, c.path, offered...)
				if got := p.Subprotocol(); got != subprotocol {
					t.Errorf("got subprotocol %q, want %q", got, subprotocol)
				}
				p.send(c.sent)
				p.wants(c.want)
			}
		})
	}
}

func TestFlatTellsErrorsAndStaysOpen(t *testing.T) {
	s := serve(t)
	for name, c := range map[string]struct{ path, sent, want string }{
		"no JSON":               {"/ws/orders", `hello`, `{"type":"leat.error","error":{…"status":400,…}}`},
		"no object":             {"/ws/orders", `[1]`, `{"type":"leat.error","error":{…"status":400,"detail":"…object…}}`},
		"empty":                 {"/ws/orders", ``, `{"type":"leat.error","error":{…"status":400,"detail":"…empty…}}`},
		"cut":                   {"/ws/orders", `{"type":"order.shipped"`, `{"type":"leat.error","error":{…"status":400,"detail":"…offset 23…}}`},
		"two objects":           {"/ws/orders", `{"type":"order.shipped","orderId":"a"}{}`, `{"type":"leat.error","error":{…"status":400,"detail":"…more…}}`},
		"a name twice":          {"/ws/orders", `{"type":"order.shipped","orderId":"a","orderId":"b"}`, `{"type":"leat.error","error":{…"status":400,…}}`},
		"a lone surrogate":      {"/ws/orders", `{"type":"order.shipped","orderId":"\ud800"}`, `{"type":"leat.error","error":{…"status":400,…}}`},
		"no type":               {"/ws/orders", `{"orderId":"a"}`, `{"type":"leat.error","error":{…"status":400,"detail":"…order.shipped, order.cancelled…}}`},
		"type no string":        {"/ws/orders", `{"type":1}`, `{"type":"leat.error","error":{…"status":400,…}}`},
		"unknown type":          {"/ws/orders", `{"type":"order.shiped","orderId":"a"}`, `{"type":"leat.error","error":{…"status":422,…order.shipped…"pointer":"/type"…}}`},
		"a control type":        {"/ws/orders", `{"type":"leat.gap"}`, `{"type":"leat.error","error":{…"status":422,…}}`},
		"against the schema":    {"/ws/orders", `{"type":"order.shipped"}`, `{"type":"leat.error","error":{…"status":422,…"pointer":"/data/orderId"…}}`},
		"another key":           {"/ws/orders/b", `{"type":"order.shipped","orderId":"a"}`, `{"type":"leat.error","error":{…"status":422,…"pointer":"/key"…}}`},
		"members beside data":   {"/ws/readings", `{"type":"level","dta":1}`, `{"type":"leat.error","error":{…"status":400,"detail":"…did you mean \"data\"?…}}`},
		"no data":               {"/ws/readings", `{"type":"level"}`, `{"type":"leat.error","error":{…"status":422,…"pointer":"/data"…}}`},
		"a member type of data": {"/ws/readings", `{"type":"nothing","data":{}}`, `{"type":"nothing","data":{}}`}, // no error: data is a member like any other
	} {
		t.Run(name, func(t *testing.T) {
			p := s.dial(t, c.path)
			p.send(c.sent)
			p.wants(c.want)
			p.send(`null`)
			p.wants(`{"type":"leat.error","error":{…}}`)
		})
	}
}

func TestFlatShowsGapAndLiveButNoHeartbeats(t *testing.T) {
	s := serve(t)
	id := s.publish(t, "readings", "level", "", "1")
	p := s.dial(t, "/ws/readings?after="+id+"0")
	p.wants(`{"type":"leat.gap","after":"`+id+`0","resumedAfter":"`+id+`","reason":"unknown"}`,
		`{"type":"leat.live","position":"`+id+`"}`)
	p = s.dial(t, "/ws/readings?after=earliest&_=1")
	p.wants(`{"type":"level","data":1}`, `{"type":"leat.live","position":"`+id+`"}`)
	// In leat.v1 a heartbeat comes within 1.1 s; two of them say that the flat one above has had its chance.
	v1 := s.dial(t, "/ws/readings", "leat.v1")
	v1.wants(`{"op":"subscribed",…`, `{"op":"event",…"type":"leat.heartbeat",…`, `{"op":"event",…"type":"leat.heartbeat",…`)
	s.publish(t, "readings", "level", "", "2")
	p.wants(`{"type":"level","data":2}`)
}

func TestRoomsAreApart(t *testing.T) {
	s := serve(t)
	room, other, all := s.dial(t, "/ws/chat/a"), s.dial(t, "/ws/chat"), s.dial(t, "/ws/chat?allKeys=true")
	room.send(`{"type":"said","text":"in a"}`)
	all.wants(`{"type":"said","text":"in a"}`)
	room.wants(`{"type":"said","text":"in a"}`)
	all.send(`{"type":"said","text":"in default"}`)
	all.wants(`{"type":"said","text":"in default"}`)
	other.wants(`{"type":"said","text":"in default"}`)
}
