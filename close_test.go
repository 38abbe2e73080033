package leat_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
)

// smallest opens a server of one stream, which the test closes.
func smallest(t *testing.T) (*leat.Server, *contract.Contract) {
	t.Helper()
	c, err := contract.Parse("leat.yaml", []byte("{ leat: 1, info: { title: T, version: 1.0.0 }, streams: { s: { events: { e: { schema: {} } } } } }"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := leat.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return server, c
}

// defer server.Close() beside an explicit one is what many programs do.
func TestCloseCanBeCalledAgainAndByMany(t *testing.T) {
	server, _ := smallest(t)
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
	server, c := smallest(t)
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

// An upload is a request under way like any other: its client is to learn what was stored.
func TestADrainWaitsForUploads(t *testing.T) {
	server, front := open(t, "{ leat: 1, info: { title: T, version: 1.0.0 }, streams: { s: { events: { e: { schema: {} } } } } }")
	body, upload := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, front.URL+"/events/s", body)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	answered := make(chan string, 1)
	go func() {
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		answered <- string(text)
	}()
	if _, err := io.WriteString(upload, `{"type":"e","data":1}`+"\n"); err != nil {
		t.Fatal(err)
	}
	if _, page := fetch(t, http.MethodGet, front.URL+"/events/s", "Accept", "application/json", "Prefer", "wait=20"); !strings.Contains(page, `"data":1`) {
		t.Fatalf("the line is not stored: %s", page)
	}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := server.Drain(short, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a drain has not waited for the upload: %v", err)
	}
	upload.Close()
	if text := <-answered; !strings.Contains(text, `"stored":1`) {
		t.Errorf("the upload's answer is %s", text)
	}
	if err := server.Drain(t.Context(), 0); err != nil {
		t.Errorf("nothing is under way any more: %v", err)
	}
}
