package wiretest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/eventlog"
	"github.com/leatstream/leat/internal/wiretest"
)

// histories is how many random histories make test runs; LEAT_SOAK=1h runs them for so long instead, and LEAT_SEED=n
// runs one history again.
const histories = 300

// Whatever happens to connections, to the process and to the disk: each client has every event after its position
// once and in order, or a leat.gap that covers exactly what is missing.
func TestResumeProperty(t *testing.T) {
	if text := os.Getenv("LEAT_SEED"); text != "" {
		var seed uint64
		if _, err := fmt.Sscan(text, &seed); err != nil {
			t.Fatal(err)
		}
		runHistory(t, seed)
		return
	}
	count, until := histories, time.Time{}
	if text := os.Getenv("LEAT_SOAK"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatal(err)
		}
		count, until = 1<<30, time.Now().Add(d)
	}
	// Each day has histories of its own, so that a failure can be had again by whoever looks at it; a soak draws.
	first := uint64(time.Now().Unix()/(24*60*60)) * 1000
	if !until.IsZero() {
		first = rand.Uint64N(1 << 40)
	}
	t.Logf("seeds from %d", first)
	for i := range count {
		if !until.IsZero() && time.Now().After(until) {
			break
		}
		seed := first + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			if until.IsZero() {
				t.Parallel()
			}
			runHistory(t, seed)
		})
	}
}

// A history is one server, what was stored in it, and its clients.
type history struct {
	t *testing.T
	*rand.Rand
	server    *wiretest.Server
	retention int                       // in events, 0 for none
	stored    map[uint64]wiretest.Event // by sequence: what the log has or had, without what a torn disk took
	last      uint64
	number    int
	expired   uint64 // retention has removed the events up to here; a torn disk may bring some back
	holes     []hole // what a torn disk took, and the log says so in the middle
	clients   []*client
}

// A hole is a stretch of sequences behind from, up to and including to, that the log has lost.
type hole struct{ from, to uint64 }

func runHistory(t *testing.T, seed uint64) {
	h := &history{t: t, Rand: rand.New(rand.NewPCG(seed, 1)), stored: map[uint64]wiretest.Event{}}
	defer func() {
		if t.Failed() {
			t.Logf("again: LEAT_SEED=%d go test ./internal/wiretest -run TestResumeProperty", seed)
		}
	}()
	text, options := wiretest.Orders, []leat.Option(nil)
	if h.IntN(2) == 0 {
		h.retention = 20 + h.IntN(200)
		text = strings.Replace(text, "key: /orderId", fmt.Sprintf("key: /orderId\n    retention: { events: %d }", h.retention), 1)
	}
	if h.IntN(2) == 0 {
		options = append(options, leat.WithTail(10))
	}
	h.server = wiretest.Start(t, text, options...)
	for i := range 3 {
		h.clients = append(h.clients, newClient(h, i))
	}
	for range 6 + h.IntN(12) {
		h.act()
	}
	for _, c := range h.clients {
		c.finish()
	}
}

func (h *history) act() {
	c := h.clients[h.IntN(len(h.clients))]
	switch h.IntN(12) {
	case 0, 1, 2:
		h.publish(1 + h.IntN(60))
	case 3, 4:
		c.connect()
	case 5, 6, 7:
		c.read(1 + h.IntN(50))
	case 8:
		c.disconnect()
	case 9: // in the middle of a burst, with nothing published after it
		half := 1 + h.IntN(20)
		h.publish(half)
		eventlog.CutFollowers(h.server.Data())
		h.publish(half)
	case 10:
		h.restart()
	case 11:
		h.publish(h.IntN(200))
	}
}

// publish stores events of two types and a few keys, small and large.
func (h *history) publish(n int) {
	var body strings.Builder
	type given struct{ eventType, key, data string }
	var events []given
	for i := range n {
		h.number++
		key := fmt.Sprintf("k%d", h.IntN(3))
		data := fmt.Sprintf(`{"orderId":%q,"n":%d}`, key, h.number)
		eventType := "order.shipped"
		switch h.IntN(4) {
		case 0:
			eventType = "order.cancelled"
		case 1:
			data = fmt.Sprintf(`{"orderId":%q,"n":%d,"pad":%q}`, key, h.number, strings.Repeat("x", h.IntN(4000)))
		}
		events = append(events, given{eventType, key, data})
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"type":%q,"data":%s}`, eventType, data)
	}
	if n == 0 {
		return
	}
	h.t.Logf("publish %d behind %d", n, h.last)
	status, text := h.server.Post("/events/orders", "application/json", "["+body.String()+"]")
	var answer struct{ IDs []string }
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != 201 || len(answer.IDs) != n {
		h.t.Fatalf("publish: %d %s", status, text)
	}
	for i, id := range answer.IDs {
		sequence := h.sequence(id)
		if sequence != h.last+1 && !slices.Contains(h.holes, hole{h.last, sequence - 1}) {
			h.t.Fatalf("stored as %s, after sequence %d", id, h.last)
		}
		h.last = sequence
		if h.retention > 0 && h.last > uint64(h.retention) {
			h.expired = max(h.expired, h.last-uint64(h.retention))
		}
		h.stored[sequence] = wiretest.Event{ID: id, Type: events[i].eventType, Key: events[i].key, Data: events[i].data}
	}
}

func (h *history) sequence(id string) uint64 {
	h.t.Helper()
	p, err := event.ParsePosition(id)
	if err != nil {
		h.t.Fatal(err)
	}
	return p.Sequence()
}

// restart ends the server in one of four ways, and takes note of what a torn disk took.
func (h *history) restart() {
	tear := func(data string) { tearTail(h.t, data) }
	how := h.IntN(4)
	switch how {
	case 0:
		h.server.Restart(nil)
	case 1:
		h.server.Crash(nil)
	case 2:
		h.server.Crash(tear)
	case 3:
		h.server.Restart(tear)
	}
	h.t.Log([...]string{"restart", "crash", "crash with a torn disk", "restart with a torn disk"}[how])
	h.takeStock(how >= 2)
}

// takeStock looks at what the log holds after a restart: all that was stored, or a part from the oldest on where the
// disk was torn.
func (h *history) takeStock(torn bool) {
	h.t.Helper()
	newest, newestID, told := uint64(0), "", uint64(0)
	for next := "earliest"; ; {
		var page struct {
			Events []struct{ ID string }
			Next   string
			Gap    *struct{ ResumedAfter string }
		}
		h.get("/events/orders?limit=1000&after="+next, &page)
		for _, e := range page.Events {
			newest, newestID = h.sequence(e.ID), e.ID
		}
		if page.Gap != nil {
			told = h.sequence(page.Gap.ResumedAfter)
		}
		if next = page.Next; len(page.Events) == 0 && page.Gap == nil {
			if newestID == "" { // nothing is left to read, and the log's end is still known
				newestID, newest = next, h.sequence(next)
				if torn {
					clear(h.stored)
					h.holes = append(h.holes, hole{0, newest})
				}
			}
			if end := h.sequence(next); end > max(newest, told) {
				h.t.Fatalf("a page behind %s ends at %s, with no gap", newestID, next)
			} else if newest < end {
				h.holes = append(h.holes, hole{newest, end})
			}
			break
		}
	}
	if newest > h.last || newest < h.last && !torn {
		h.t.Fatalf("after the restart the log ends at %s; sequence %d was the last", newestID, h.last)
	}
	h.t.Logf("the log ends at %s; %d was the last", newestID, h.last)
	for lost := newest + 1; lost <= h.last; lost++ {
		delete(h.stored, lost)
	}
	for _, c := range h.clients {
		if torn {
			c.disconnect() // what lies in its buffers was true when it was sent
		}
		if c.begun && !c.lost && c.at > newest || c.lost && h.sequence(c.end) > newest {
			c.lost, c.end = true, newestID
		}
	}
	h.last = newest
}

func (h *history) get(path string, into any) {
	h.t.Helper()
	r, err := http.NewRequest(http.MethodGet, h.server.URL+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(into); err != nil || response.StatusCode != http.StatusOK {
		h.t.Fatalf("GET %s: %s, %v", path, response.Status, err)
	}
}

// tearTail cuts 50 KiB off the newest block of the stream's log, or half of a smaller one.
func tearTail(t *testing.T, data string) {
	var newest string
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".blk") && strings.Contains(path, "orders") &&
			(len(path) > len(newest) || len(path) == len(newest) && path > newest) {
			newest = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if newest == "" {
		return
	}
	info, err := os.Stat(newest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(newest, info.Size()-min(50<<10, info.Size()/2)); err != nil {
		t.Fatal(err)
	}
}

// A client reads one subscription over changing connections, and checks each event against what was stored.
type client struct {
	*history
	name   string
	key    string
	types  []string
	reader wiretest.Reader
	wire   string
	ctx    context.Context
	cancel context.CancelFunc

	begun bool   // it has a position
	id    string // its position
	at    uint64 // the sequence of it
	lost  bool   // a torn disk took the event at its position,
	end   string // and this is where the log went on
}

func newClient(h *history, i int) *client {
	c := &client{history: h, name: fmt.Sprintf("client %d", i)}
	switch h.IntN(4) {
	case 0:
		c.key = "k1"
	case 1:
		c.types = []string{"order.cancelled"}
	}
	return c
}

func (c *client) connect() {
	c.disconnect()
	wires := wiretest.Wires()
	w := wires[c.IntN(len(wires))]
	dial := wiretest.Dial(wiretest.Plain)
	if c.IntN(2) == 0 {
		dial = wiretest.CutAfter(int64(c.IntN(20_000)))
	}
	c.open(w, dial)
}

func (c *client) open(w wiretest.Wire, dial wiretest.Dial) {
	sub := wiretest.Subscription{Stream: "orders", Key: c.key, EventTypes: c.types, After: c.id, Resume: c.id != ""}
	if c.id == "" {
		sub.After = "earliest"
	}
	c.ctx, c.cancel = context.WithTimeout(context.Background(), wiretest.Timeout)
	reader, err := w.Subscribe(c.ctx, c.server, sub, dial)
	if err != nil { // cut before it stood
		c.cancel()
		return
	}
	c.reader, c.wire = reader, w.Name
	c.t.Logf("%s connects over %s behind %q", c.name, c.wire, c.id)
	if start := reader.Start(); start != "" {
		if c.begun && start != c.id {
			c.t.Fatalf("%s over %s: asked for %s, and the start is %s", c.name, c.wire, c.id, start)
		}
		c.moveTo(start)
	}
}

func (c *client) disconnect() {
	if c.reader != nil {
		c.reader.Close()
		c.cancel()
		c.reader = nil
	}
}

// read takes at most n events, and no more than there must be.
func (c *client) read(n int) {
	if c.reader == nil {
		c.connect()
	}
	for range n {
		if c.reader == nil || !c.lost && !c.more() {
			return
		}
		c.next()
	}
}

// more tells whether there is an event that the client must still get.
func (c *client) more() bool {
	for s := c.at + 1; s <= c.last; s++ {
		if c.wants(s) {
			return true
		}
	}
	return false
}

func (c *client) wants(sequence uint64) bool {
	e, ok := c.stored[sequence]
	return ok && (c.key == "" || c.key == e.Key) && (c.types == nil || slices.Contains(c.types, e.Type))
}

// next reads one event, control events too, and checks it. It returns false when the connection is over.
func (c *client) next() (e wiretest.Event, ok bool) {
	e, err := c.reader.Next(c.ctx)
	if err != nil {
		if c.ctx.Err() != nil {
			c.t.Fatalf("%s over %s: nothing came behind %s (%d), and the log ends at %d", c.name, c.wire, c.id, c.at, c.last)
		}
		c.t.Logf("%s at %s: %v", c.name, c.id, err)
		c.disconnect()
		return e, false
	}
	switch e.Type {
	case "leat.gap":
		c.gap(e)
	case "leat.live":
		c.passed(e)
	case "leat.end":
		if e.ID != "" && c.begun && e.ID != c.id {
			c.t.Fatalf("%s over %s: leat.end says %s, and the last was %s", c.name, c.wire, e.ID, c.id)
		}
	default:
		c.event(e)
	}
	return e, true
}

func (c *client) event(e wiretest.Event) {
	if c.lost {
		c.t.Fatalf("%s over %s: %s came after %s was lost, without a gap", c.name, c.wire, e.ID, c.id)
	}
	sequence := c.sequence(e.ID)
	if c.begun {
		for s := c.at + 1; s < sequence; s++ {
			if c.wants(s) {
				c.t.Fatalf("%s over %s: %s came after %s, and %s is missing", c.name, c.wire, e.ID, c.id, c.stored[s].ID)
			}
		}
		if sequence <= c.at {
			c.t.Fatalf("%s over %s: %s came after %s", c.name, c.wire, e.ID, c.id)
		}
	}
	want := c.stored[sequence]
	if !c.wants(sequence) || e.ID != want.ID || e.Type != want.Type || e.Data != want.Data {
		c.t.Fatalf("%s over %s: got %v, and stored was %v", c.name, c.wire, e, want)
	}
	c.moveTo(e.ID)
}

// passed checks an event that says that everything up to its id has been sent.
func (c *client) passed(e wiretest.Event) {
	sequence := c.sequence(e.ID)
	for s := c.at + 1; s <= sequence && c.begun; s++ {
		if c.wants(s) {
			c.t.Fatalf("%s over %s: %s at %s, but %s has not come", c.name, c.wire, e.Type, e.ID, c.stored[s].ID)
		}
	}
	c.moveTo(e.ID)
}

func (c *client) gap(e wiretest.Event) {
	var gap struct{ After, ResumedAfter, Reason string }
	if err := json.Unmarshal([]byte(e.Data), &gap); err != nil {
		c.t.Fatal(err)
	}
	to := c.sequence(gap.ResumedAfter)
	expired := to <= c.expired
	switch {
	case gap.ResumedAfter != e.ID || c.begun && gap.After != c.id:
	case gap.Reason == "reset" && c.lost && (gap.ResumedAfter == c.end || expired):
		c.lost = false
		c.moveTo(e.ID)
		return
	case gap.Reason == "expired" && !c.lost && to > c.at && (expired || c.torn(to)):
		c.moveTo(e.ID)
		return
	}
	c.t.Fatalf("%s over %s at %s (lost: %v, log went on at %q, last %d, retention %d): the gap %s with id %s is not right",
		c.name, c.wire, c.id, c.lost, c.end, c.last, c.retention, e.Data, e.ID)
}

// torn tells whether all that the client wants behind its position up to a sequence was lost with a torn disk.
func (c *client) torn(to uint64) bool {
	for s := c.at + 1; s <= to; s++ {
		if c.wants(s) {
			return false
		}
	}
	return slices.ContainsFunc(c.holes, func(h hole) bool { return h.to == to })
}

func (c *client) moveTo(id string) {
	if !c.lost {
		c.begun, c.id, c.at = true, id, c.sequence(id)
	}
}

// finish reads to the end over a sound connection, and then one more event.
func (c *client) finish() {
	c.disconnect()
	for range 20 {
		wires := wiretest.Wires()
		c.open(wires[c.IntN(len(wires))], wiretest.Plain)
		if c.reader == nil {
			c.t.Fatalf("%s: cannot connect", c.name)
		}
		for c.reader != nil {
			if e, ok := c.next(); ok && e.Type == "leat.live" {
				if c.more() {
					c.t.Fatalf("%s over %s: live at %s, and the log ends at %d", c.name, c.wire, e.ID, c.last)
				}
				c.disconnect()
				return
			}
		}
	}
	c.t.Fatalf("%s: never got to the end", c.name)
}
