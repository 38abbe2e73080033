package wiretest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/typed"
	"github.com/leatstream/leat/internal/wiretest"
)

const oldContract = `
leat: 1
info: { title: Orders, version: 1.0.0 }
streams:
  orders:
    durability: memory
    events:
      shipped: { schema: { type: object, required: [id], properties: { id: { type: string }, n: { type: integer }, color: { enum: [red] } } } }
      gone: { schema: { type: object, properties: { why: { type: string } } } }
`

// New things come before the old ones, so that only the lock keeps the old numbers.
const newContract = `
leat: 1
info: { title: Orders, version: 1.1.0 }
streams:
  orders:
    durability: memory
    events:
      arrived: { schema: { type: object, properties: { at: { type: string } } } }
      shipped: { schema: { type: object, required: [id], properties: { by: { type: string }, id: { type: string }, n: { type: integer }, color: { enum: [blue, red] } } } }
`

// A client that was generated from an older contract reads what is new without what it does not know, and what it
// publishes arrives.
func TestAClientOfAnOlderContractGoesOn(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "leat.yaml")
	read := func(text string) *contract.Contract {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := contract.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		lock, err := typed.ReadLock(typed.LockFile(file))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := lock.Assign(c); err != nil {
			t.Fatal(err)
		}
		if err := lock.Write(typed.LockFile(file)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	ctx := wiretest.Context(t)
	old := wiretest.StartContract(t, read(oldContract))
	client, err := wiretest.Generate(ctx, old, "orders")
	if err != nil {
		t.Fatal(err)
	}
	s := wiretest.StartContract(t, read(newContract))
	s.Publish("orders", "arrived", `{"at":"noon"}`)
	s.Publish("orders", "shipped", `{"by":"me","id":"a","n":7,"color":"blue"}`)
	events, err := client.Subscribe(ctx, s, wiretest.Subscription{Stream: "orders", After: "earliest"})
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	if e, err := events.Next(ctx); err == nil || !strings.Contains(err.Error(), "no event") || !strings.Contains(err.Error(), " 18:") {
		t.Errorf("an event of a new type is %v (%v), want a message with no event but an unknown field 18", e, err)
	}
	if e, err := events.Next(ctx); err != nil || e.Type != "shipped" || e.Data != `{"id":"a","n":7,"color":2}` {
		t.Errorf("an event with a new field and a new enum's value is %v (%v)", e, err)
	}
	if _, err := client.Publish(ctx, s, wiretest.Event{Type: "shipped", Data: `{"id":"b","n":8}`}); err != nil {
		t.Error(err)
	}
	if _, err := client.Publish(ctx, s, wiretest.Event{Type: "gone", Data: `{"why":"x"}`}); err == nil || wiretest.AsProblem(t, err).Status != 422 {
		t.Errorf("an event of a type that is gone: %v, want 422", err)
	}
	if e := wiretest.Wires()[0].Open(t, s, wiretest.Subscription{Stream: "orders", Last: 1}).Take(); e.Data != `{"id":"b","n":8}` {
		t.Errorf("what it published is %v", e)
	}
}
