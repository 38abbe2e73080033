package websocket_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// An object that is published flat comes back flat, with the same members, or its publisher is told why not.
func FuzzFlat(f *testing.F) {
	for _, seed := range []string{
		`"x":1`, ``, `"a":{"type":2} , "b":"\u0041"`, `"data":1,"type2":""`, `"a":1e5,"a":2`, ` `, `"typ\u0065":"x"`, `"x":"\ud800"`, `"\"type\"":1,`,
	} {
		f.Add(seed, uint8(0))
		f.Add(seed, uint8(1))
		f.Add(seed, uint8(9))
	}
	s := serve(f)
	p := s.dial(f, "/ws/readings")
	f.Fuzz(func(t *testing.T, members string, place uint8) {
		p.t = t
		object, want := `{"type":"nothing"`, `{"type":"nothing"`
		switch {
		case members == "":
		case place == 0: // type comes first
			object += "," + members
			want += "," + members
		default: // type comes last
			object = "{" + members + `,"type":"nothing"`
			want += "," + members
		}
		object, want = object+"}", want+"}"
		if len(object) > 60<<10 || !jsontext.Value(object).IsValid(jsontext.AllowInvalidUTF8(false)) {
			return // FuzzFrames and the table have those
		}
		p.send(object)
		got := p.next()
		var is struct{ Type string }
		if err := json.Unmarshal([]byte(got), &is); err != nil {
			t.Fatalf("the answer is no JSON: %v: %s", err, got)
		}
		if is.Type == "leat.error" {
			return
		}
		compact := jsontext.Value(want)
		if err := compact.Compact(jsontext.PreserveRawStrings(true)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal([]byte(got), compact) {
			t.Errorf("sent %s\ngot  %s\nwant %s", object, got, compact)
		}
	})
}
