package wiretest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/wiretest"
)

// payload is an event of a collection of examples.
type payload struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// TestPublicSchemasGoBothWays publishes the examples of public JSON Schemas, which nobody wrote with leat in mind, reads them
// typed, publishes that typed, and gets the same JSON. A folder has leat.yaml, whose first stream it is about, and
// payloads.json. There is a part of GitHub's in testdata; LEAT_SCHEMAS lists more folders.
func TestPublicSchemasGoBothWays(t *testing.T) {
	t.Parallel()
	for _, folder := range append([]string{"testdata/github"}, filepath.SplitList(os.Getenv("LEAT_SCHEMAS"))...) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			c, err := contract.Load(filepath.Join(folder, "leat.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			s := wiretest.StartContract(t, c)
			stream := c.Streams[0].Name
			stored := storeExamples(t, s, stream, folder)
			untyped, err := wiretest.PublishBack(wiretest.Context(t), s, stream, len(stored))
			if err != nil {
				t.Fatal(err)
			}
			if len(untyped) > 0 {
				t.Errorf("these did not fit their messages: %q", untyped)
			}
			back := firstOf(t, s, stream, 2*len(stored))
			for i, p := range stored {
				again := back[len(stored)+i]
				if again.Type != p.Type {
					t.Fatalf("number %d is %s, and comes back as %s", i, p.Type, again.Type)
				}
				if where := differs(p.Data, again.Data); where != "" {
					t.Errorf("number %d, %s, is another one when it comes back: %s", i, p.Type, where)
				}
			}
		})
	}
}

// storeExamples publishes the examples of a folder, and gives those that are what their schema says. Those in testdata all are.
func storeExamples(t *testing.T, s *wiretest.Server, stream, folder string) (stored []payload) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "payloads.json"))
	if err != nil {
		t.Fatal(err)
	}
	var payloads []payload
	if err := json.Unmarshal(text, &payloads); err != nil {
		t.Fatal(err)
	}
	for _, p := range payloads {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		switch status, answer := s.Post("/events/"+stream, "application/json", string(text)); {
		case status == http.StatusCreated:
			stored = append(stored, p)
		case status == http.StatusUnprocessableEntity && !strings.HasPrefix(folder, "testdata"):
			t.Logf("%s: %.300s", p.Type, answer)
		default:
			t.Errorf("%s: %d %.300s", p.Type, status, answer)
		}
	}
	t.Logf("%d of %d examples are what their schema says", len(stored), len(payloads))
	return stored
}

// firstOf gives the first n events of a stream.
func firstOf(t *testing.T, s *wiretest.Server, stream string, n int) (all []payload) {
	t.Helper()
	for after := "earliest"; len(all) < n; {
		request, err := http.NewRequestWithContext(wiretest.Context(t), http.MethodGet, s.URL+"/events/"+stream+"?limit=1000&after="+after, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		var part struct {
			Events []payload
			Next   string
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err == nil {
			err = json.Unmarshal(text, &part)
		}
		if err != nil || len(part.Events) == 0 {
			t.Fatalf("page after %s: %v %.300s", after, err, text)
		}
		all, after = append(all, part.Events...), part.Next
	}
	return all
}

// differs says where two JSON texts are not the same but for what docs/grpc.md says: the spelling of numbers and times, and
// empty arrays and objects.
func differs(one, other json.RawMessage) string {
	read := func(text json.RawMessage) (v any) {
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			return err
		}
		return v
	}
	return differ("", read(one), read(other))
}

func differ(at string, one, other any) string {
	no := fmt.Sprintf("%s: %.100v and %.100v", at, one, other)
	switch a := one.(type) {
	case map[string]any:
		b, ok := other.(map[string]any)
		if !ok {
			return no
		}
		for name := range b {
			if _, ok := a[name]; !ok {
				return fmt.Sprintf("%s/%s is there now: %.100v", at, name, b[name])
			}
		}
		for name, value := range a {
			again, ok := b[name]
			if !ok && !isEmpty(value) {
				return fmt.Sprintf("%s/%s is missing: %.100v", at, name, value)
			}
			if ok {
				if where := differ(at+"/"+name, value, again); where != "" {
					return where
				}
			}
		}
		return ""
	case []any:
		b, ok := other.([]any)
		if !ok || len(a) != len(b) {
			return no
		}
		for i := range a {
			if where := differ(fmt.Sprintf("%s/%d", at, i), a[i], b[i]); where != "" {
				return where
			}
		}
		return ""
	case json.Number:
		b, ok := other.(json.Number)
		x, okX := new(big.Rat).SetString(string(a))
		y, okY := new(big.Rat).SetString(string(b))
		if !ok || !okX || !okY || x.Cmp(y) != 0 {
			return no
		}
		return ""
	case string:
		b, ok := other.(string)
		x, errX := time.Parse(time.RFC3339Nano, strings.ToUpper(a))
		y, errY := time.Parse(time.RFC3339Nano, b)
		if !ok || a != b && (errX != nil || errY != nil || !x.Equal(y)) {
			return no
		}
		return ""
	}
	if one != other {
		return no
	}
	return ""
}

func isEmpty(value any) bool {
	switch v := value.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}
