package wiretest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/leatstream/leat/internal/wiretest"
)

type page struct {
	Events []struct {
		ID, Type, Key string
	}
	Next string
	Gap  *wiretest.Gap
}

func TestPagesLinkedByNextHaveEachEventOnce(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	m := mix(t, s)
	for _, sub := range filters {
		if len(sub.EventTypes) == 1 && len(m.matching(sub)) == 0 { // several in one value, or none at all
			continue
		}
		path := "/events/orders"
		if sub.Key != "" {
			path += "/" + url.PathEscape(sub.Key)
		}
		query := url.Values{"limit": {"7"}, "eventTypes": sub.EventTypes}
		var got []string
		for pages := 0; ; pages++ {
			var p page
			fetch(t, s, path+"?"+query.Encode(), &p)
			if p.Gap != nil || len(p.Events) > 7 || pages > 200 {
				t.Fatalf("page %d is %+v", pages, p)
			}
			if len(p.Events) == 0 {
				if asked := query.Get("after"); p.Next != asked {
					t.Errorf("the next of an empty page is %q, want %q", p.Next, asked)
				}
				break
			}
			for _, e := range p.Events {
				got = append(got, e.ID)
			}
			if query.Set("after", p.Next); p.Next != got[len(got)-1] {
				t.Fatalf("next is %s after %s", p.Next, got[len(got)-1])
			}
		}
		if want := m.matching(sub); !equal(got, want) {
			t.Errorf("%+v: got %d events, want %d", sub, len(got), len(want))
		}
	}
}

func TestAPageTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	ids := ticks(t, s, "few", 25)
	never := at(t, ids[0], 1000)
	for asked, want := range map[string]struct {
		gap    *wiretest.Gap
		events []string
		next   string
	}{
		ids[3]:    {&wiretest.Gap{After: ids[3], ResumedAfter: ids[14], Reason: "expired"}, ids[15:], ids[24]},
		ids[14]:   {nil, ids[15:], ids[24]},
		ids[24]:   {nil, nil, ids[24]},
		never:     {&wiretest.Gap{After: never, ResumedAfter: ids[24], Reason: "unknown"}, nil, ids[24]},
		"never-3": {&wiretest.Gap{After: "never-3", ResumedAfter: ids[14], Reason: "reset"}, ids[15:], ids[24]},
	} {
		var p page
		fetch(t, s, "/events/few?after="+asked, &p)
		var got []string
		for _, e := range p.Events {
			got = append(got, e.ID)
		}
		if fmt.Sprint(p.Gap) != fmt.Sprint(want.gap) || !equal(got, want.events) || p.Next != want.next {
			t.Errorf("after %s: got %+v, want %+v", asked, p, want)
		}
	}
}

func TestALongPollEndsWithTheFirstEvent(t *testing.T) {
	t.Parallel()
	s := wiretest.Start(t, wiretest.Orders)
	after := ticks(t, s, "plain", 3)[2]
	for range 20 {
		got := make(chan page)
		go func() {
			var p page
			r, err := http.NewRequest(http.MethodGet, s.URL+"/events/plain?eventTypes=tock&after="+after, nil)
			if err == nil {
				r.Header = http.Header{"Accept": {"application/json"}, "Prefer": {"wait=60"}}
				err = do(r, &p)
			}
			if err != nil {
				t.Error(err)
			}
			got <- p
		}()
		ticks(t, s, "plain", 1)
		want := s.Publish("plain", "tock", "{}")
		if p := <-got; len(p.Events) != 1 || p.Events[0].ID != want || p.Next != want {
			t.Fatalf("got %+v, want %s", p, want)
		}
		after = want
	}
}
