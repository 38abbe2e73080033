package leat_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
)

// defer server.Close() beside an explicit one is what many programs do.
func TestCloseCanBeCalledAgainAndByMany(t *testing.T) {
	c, err := contract.Parse("leat.yaml", []byte("{ leat: 1, info: { title: T, version: 1.0.0 }, streams: { s: { events: { e: { schema: {} } } } } }"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := leat.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	closed := make(chan struct{})
	go func() {
		all.Wait()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Fatal("a second Close hangs")
	}
}

func TestAServerThatIsClosedTakesNoOtherContract(t *testing.T) {
	c, err := contract.Parse("leat.yaml", []byte("{ leat: 1, info: { title: T, version: 1.0.0 }, streams: { s: { events: { e: { schema: {} } } } } }"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := leat.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	load := func() (*contract.Contract, error) { return c, nil }
	if err := server.Reload(t.Context(), load); err != nil {
		t.Errorf("the same contract again: %v", err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := server.Reload(t.Context(), load); err == nil {
		t.Error("it was taken")
	}
}
