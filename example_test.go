package leat_test

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
)

const clock = `
leat: 1
info: { title: Clock, version: 1.0.0 }
streams:
  clock:
    events:
      tick: { schema: { type: object, required: [n], properties: { n: { type: integer } } } }
`

// A program serves a stream of its own, publishes to it, and reads it back as a browser would.
func Example() {
	c, err := contract.Parse("leat.yaml", []byte(clock))
	if err != nil {
		log.Fatal(err)
	}
	server, err := leat.Open(context.Background(), c)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	web := httptest.NewServer(server.Handler())
	defer web.Close()

	id, err := server.Publish(context.Background(), "clock", leat.Event{Type: "tick", Data: map[string]int{"n": 1}})
	fmt.Println("stored as event", id.Sequence(), err)

	answer, err := http.Get(web.URL + "/events/clock?after=earliest")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			fmt.Println(data)
			break
		}
	}
	// Output:
	// stored as event 1 <nil>
	// {"n":1}
}
