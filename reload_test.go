package leat_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/leatstream/leat/contract"
)

// What clients have compiled in stays, though no lock has it and the order of declaration would give it otherwise.
func TestFieldNumbersStayFromReloadToReload(t *testing.T) {
	text := func(events string) string {
		return "leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams: { s: { durability: memory, events: { " + events + " } } }\n"
	}
	server, front := open(t, text("old: { schema: {} }"))
	number := func() string {
		_, proto := fetch(t, http.MethodGet, front.URL+"/protos/s/v1/s.proto")
		found := regexp.MustCompile(`Old old = (\d+);`).FindStringSubmatch(proto)
		if found == nil {
			t.Fatalf("no field old in %s", proto)
		}
		return found[1]
	}
	before := number()
	for _, events := range []string{"new: { schema: {} }, old: { schema: {} }", "newer: { schema: {} }, new: { schema: {} }, old: { schema: {} }"} {
		load := func() (*contract.Contract, error) { return contract.Parse("leat.yaml", []byte(text(events))) }
		if err := server.Reload(t.Context(), load); err != nil {
			t.Fatal(err)
		}
		if now := number(); now != before {
			t.Errorf("with %s, old has the number %s, and had %s", events, now, before)
		}
	}
}
