package backend_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	backendv1 "github.com/leatstream/leat/gen/leat/backend/v1"
	"github.com/leatstream/leat/internal/backend"
	"github.com/leatstream/leat/internal/problem"
)

// An asked is what a backend of either kind gets.
type asked struct{ Type, Connection, Key, Source, Data string }

// A kind is a way to serve a backend: what answers gives is the JSON of an answer over HTTP.
type kind struct {
	name  string
	serve func(t *testing.T, l net.Listener, answers func(asked) string) (url string, stop func())
}

func kinds() []kind { return []kind{{"http", serveByHTTP}, {"grpc", serveByGRPC}} }

// eachKind runs a test with a backend of each kind; start starts it, and a house that sends to it.
func eachKind(t *testing.T, test func(t *testing.T, start func(answers func(asked) string, settings ...string) *house)) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			test(t, func(answers func(asked) string, settings ...string) *house {
				url, _ := k.serve(t, listen(t, "127.0.0.1:0"), answers)
				return newHouse(t, url, settings...)
			})
		})
	}
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func serveByHTTP(t *testing.T, l net.Listener, answers func(asked) string) (url string, stop func()) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h := r.Header
		_, _ = io.WriteString(w, answers(asked{h.Get("Ce-Type"), h.Get("Leat-Connection"), h.Get("Ce-Subject"), h.Get("Ce-Source"), string(body)}))
	}))
	_ = server.Listener.Close()
	server.Listener = l
	server.Start()
	stop = sync.OnceFunc(server.Close)
	t.Cleanup(stop)
	return server.URL, stop
}

// serveByGRPC answers many at once, as net/http does.
func serveByGRPC(t *testing.T, l net.Listener, answers func(asked) string) (url string, stop func()) {
	return serveOn(t, l, func(s carrying) error {
		var sending sync.Mutex
		var busy sync.WaitGroup
		defer busy.Wait()
		for {
			r, err := s.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			busy.Go(func() {
				a := responseOf(answers(asked{r.GetType(), r.GetConnection(), r.GetKey(), r.GetSource(), string(r.GetData())}))
				a.Id = r.GetId()
				sending.Lock()
				defer sending.Unlock()
				_ = s.Send(a)
			})
		}
	})
}

func responseOf(text string) *backendv1.HandleResponse {
	var in struct {
		Reply, Publish []struct {
			Type, Key string
			Data      json.RawMessage
		}
	}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &in); err != nil {
			panic(err)
		}
	}
	a := &backendv1.HandleResponse{}
	for _, m := range in.Reply {
		a.Reply = append(a.Reply, event(m.Type, string(m.Data)))
	}
	for _, m := range in.Publish {
		a.Publish = append(a.Publish, event(m.Type, string(m.Data)))
	}
	return a
}

// A thousand clients send while the backend is down. Each is told that it may send again, and who does so has its answer
// once the backend is up.
func TestAThousandClientsOutliveABackendThatIsDown(t *testing.T) {
	const clients = 1000
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			l := listen(t, "127.0.0.1:0")
			address := l.Addr().String()
			_ = l.Close()
			scheme := map[string]string{"http": "http://", "grpc": "grpc://"}[k.name]
			h := newHouse(t, scheme+address)
			answers := func(a asked) string { return `{"reply":[{"type":"welcome","data":` + a.Data + `}]}` }
			var failed, answered sync.WaitGroup // each client, once
			failed.Add(clients)
			answered.Add(clients)
			for i := range clients {
				go func() {
					defer answered.Done()
					told := sync.OnceFunc(failed.Done)
					defer told()
					data := fmt.Sprintf(`{"text":"%d"}`, i)
					for wait := time.Millisecond; ; wait = min(2*wait, 200*time.Millisecond) {
						replies, err := h.Send(t.Context(), backend.Command{Stream: "chat", Type: "sendMessage", Data: []byte(data), Connection: fmt.Sprint(i)})
						if err == nil {
							if len(replies) != 1 || string(replies[0].Data) != data {
								t.Errorf("client %d is answered with %v", i, replies)
							}
							return
						}
						if p := problem.From(err); !p.Retryable() || t.Context().Err() != nil {
							t.Errorf("client %d is told %d %s", i, p.HTTP(), p.Detail)
							return
						}
						told()
						<-time.After(wait + rand.N(wait)) // or nobody's turn comes
					}
				}()
			}
			failed.Wait()
			k.serve(t, listen(t, address), answers)
			done := make(chan struct{})
			go func() { answered.Wait(); close(done) }()
			within(t, "the answers", done)
			if strings.Contains(h.lines.String(), "panic") {
				t.Errorf("logged %s", h.lines)
			}
		})
	}
}
