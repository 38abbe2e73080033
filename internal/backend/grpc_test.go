package backend_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	backendv1 "github.com/leatstream/leat/gen/leat/backend/v1"
	"github.com/leatstream/leat/internal/backend"
	grpcgo "google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// carrying is a backend's side of a call.
type carrying = grpcgo.BidiStreamingServer[backendv1.HandleRequest, backendv1.HandleResponse]

// overGRPC is a backend that is a function.
type overGRPC struct {
	backendv1.UnimplementedBackendServiceServer
	handle func(carrying) error
}

func (o overGRPC) Handle(s carrying) error { return o.handle(s) }

// listenGRPC serves on an address, port 0 for any, until the test is over or stop.
func listenGRPC(t *testing.T, address string, handle func(carrying) error) (url string, stop func()) {
	t.Helper()
	return serveOn(t, listen(t, address), handle)
}

func serveOn(t *testing.T, l net.Listener, handle func(carrying) error, options ...grpcgo.ServerOption) (url string, stop func()) {
	t.Helper()
	server := grpcgo.NewServer(append(options, grpcgo.MaxRecvMsgSize(16<<20))...)
	if handle != nil {
		backendv1.RegisterBackendServiceServer(server, overGRPC{handle: handle})
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	stop = sync.OnceFunc(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return "grpc://" + l.Addr().String(), stop
}

// each answers every request by itself.
func each(answer func(*backendv1.HandleRequest) *backendv1.HandleResponse) func(carrying) error {
	return func(s carrying) error {
		for {
			r, err := s.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			a := answer(r)
			a.Id = r.GetId()
			if err := s.Send(a); err != nil {
				return err
			}
		}
	}
}

func serveGRPC(t *testing.T, handle func(carrying) error, settings ...string) *house {
	t.Helper()
	url, _ := listenGRPC(t, "127.0.0.1:0", handle)
	return newHouse(t, url, settings...)
}

func event(eventType, data string) *backendv1.Message {
	return &backendv1.Message{Type: eventType, Data: []byte(data)}
}

func TestACommandOverGRPCIsAsItWasSent(t *testing.T) {
	var got *backendv1.HandleRequest
	var headers metadata.MD
	h := serveGRPC(t, func(s carrying) error {
		headers, _ = metadata.FromIncomingContext(s.Context())
		return each(func(r *backendv1.HandleRequest) *backendv1.HandleResponse {
			got = r
			return &backendv1.HandleResponse{
				Reply:   []*backendv1.Message{event("welcome", `{ "n": 1 }`)},
				Publish: []*backendv1.Message{event("messageReceived", message)},
			}
		})(s)
	})
	room := "a b"
	replies, err := h.Send(t.Context(), backend.Command{
		Stream: "chat", Type: "sendMessage", PathKey: &room, Data: []byte(`{ "text": "Hello!" }`), Connection: "c1", Source: "/ws/chat", Principal: "alice",
		Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	})
	if err != nil || len(replies) != 1 || replies[0].Type != "welcome" || string(replies[0].Data) != `{"n":1}` {
		t.Fatalf("got %v, %v", replies, err)
	}
	if want := []string{"messageReceived a b " + message}; !slices.Equal(h.stored(t), want) {
		t.Errorf("stored is %q, want %q", h.stored(t), want)
	}
	if got.GetStream() != "chat" || got.GetType() != "sendMessage" || got.GetKey() != "a b" || string(got.GetData()) != `{"text":"Hello!"}` ||
		got.GetConnection() != "c1" || got.GetSource() != "/ws/chat" || got.GetPrincipal() != "alice" ||
		!strings.HasPrefix(got.GetTraceparent(), "00-4bf92f3577b34da6a3ce929d0e0e4736-") ||
		!got.GetTime().IsValid() || got.GetTimeout().AsDuration() <= 0 || got.GetTimeout().AsDuration() > 10e9 {
		t.Errorf("got %v", got)
	}
	if !slices.Equal(headers.Get("x-team"), []string{"blue"}) || !slices.Equal(headers.Get(":authority"), []string{"chat.example"}) {
		t.Errorf("the headers are %v", headers)
	}
}

func TestAnswersOverGRPCComeInAnyOrderOverOneCall(t *testing.T) {
	const commands = 100
	var calls int
	h := serveGRPC(t, func(s carrying) error {
		calls++
		var all []*backendv1.HandleRequest
		for len(all) < commands {
			r, err := s.Recv()
			if err != nil {
				return err
			}
			all = append(all, r)
		}
		for _, r := range slices.Backward(all) {
			if err := s.Send(&backendv1.HandleResponse{Id: r.GetId(), Reply: []*backendv1.Message{event("welcome", string(r.GetData()))}}); err != nil {
				return err
			}
		}
		<-s.Context().Done()
		return nil
	})
	var senders sync.WaitGroup
	for i := range commands {
		senders.Go(func() {
			replies, err := h.says(t, fmt.Sprint(i))
			if err != nil || len(replies) != 1 || string(replies[0].Data) != fmt.Sprintf(`{"text":"%d"}`, i) {
				t.Errorf("command %d: %v, %v", i, replies, err)
			}
		})
	}
	senders.Wait()
	if calls != 1 {
		t.Errorf("%d calls carried them", calls)
	}
}

func TestWhatABackendOverGRPCGetsWrongReachesTheSenderAndNobodyElse(t *testing.T) {
	published := []*backendv1.Message{event("messageReceived", message)}
	for name, c := range map[string]struct {
		answer    *backendv1.HandleResponse
		status    int
		retryable bool
		says      string
	}{
		"a refusal":   {&backendv1.HandleResponse{Problem: []byte(`{"status":403,"detail":"no spam, please"}`)}, 403, false, "no spam, please"},
		"unavailable": {&backendv1.HandleResponse{Problem: []byte(`{"status":503}`)}, 502, true, "503"},
		"a failure": {&backendv1.HandleResponse{Problem: []byte(`{"status":500,"detail":"secret"}`)}, 502, false,
			"the backend has answered with a problem of the status 500 instead of 400 to 499; it may have handled the command"},
		"a status beyond":   {&backendv1.HandleResponse{Problem: []byte(`{"status":200}`)}, 502, false, "of the status 200 instead of 400 to 499"},
		"no status":         {&backendv1.HandleResponse{Problem: []byte(`{"detail":"secret"}`)}, 502, false, "with a problem that has no status: it is a JSON object of at most 65536 bytes, with a status of 400 to 499"},
		"no problem":        {&backendv1.HandleResponse{Problem: []byte(`oops`)}, 502, false, "with a problem that has no status"},
		"a large problem":   {&backendv1.HandleResponse{Problem: []byte(`{"status":403,"detail":"` + strings.Repeat("x", 64<<10) + `"}`)}, 502, false, "at most 65536 bytes"},
		"both":              {&backendv1.HandleResponse{Problem: []byte(`{"status":403}`), Publish: published}, 502, false, "both"},
		"an unknown type":   {&backendv1.HandleResponse{Publish: append(published, event("said", `{}`))}, 502, false, "/publish/1"},
		"a wrong reply":     {&backendv1.HandleResponse{Reply: []*backendv1.Message{event("messageReceived", `{}`)}, Publish: published}, 502, false, "/reply/0/data"},
		"data that is none": {&backendv1.HandleResponse{Publish: []*backendv1.Message{event("messageReceived", `{`)}}, 502, false, "/publish"},
		"10 MB":             {&backendv1.HandleResponse{Reply: []*backendv1.Message{event("welcome", strings.Repeat(" ", 10<<20)+"{}")}}, 502, false, "more than 2097152 bytes"},
		"too much":          {&backendv1.HandleResponse{Publish: []*backendv1.Message{event("messageReceived", strings.Repeat(" ", 3<<20)+message)}}, 502, false, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			h := serveGRPC(t, each(func(*backendv1.HandleRequest) *backendv1.HandleResponse { return c.answer }))
			_, err := h.says(t, "x")
			p := wantProblem(t, err, c.status, c.retryable, c.says)
			if strings.Contains(string(p.JSON()), "secret") {
				t.Errorf("the sender is told %s", p.JSON())
			}
			if got := h.stored(t); len(got) > 0 {
				t.Errorf("stored is %q", got)
			}
		})
	}
}

func TestACallThatEndsFailsWhatItCarriesAndTheNextCommandMakesAnother(t *testing.T) {
	for name, end := range map[string]error{"by an error": status.Error(codes.Internal, "oops"), "for a restart": status.Error(codes.Unavailable, "restarting"), "in peace": nil} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			h := serveGRPC(t, func(s carrying) error {
				if calls++; calls > 1 {
					return each(func(*backendv1.HandleRequest) *backendv1.HandleResponse { return &backendv1.HandleResponse{} })(s)
				}
				if _, err := s.Recv(); err != nil {
					return err
				}
				return end
			})
			_, err := h.says(t, "x")
			wantProblem(t, err, 502, status.Code(end) != codes.Internal, "may have handled")
			if _, err := h.says(t, "x"); err != nil {
				t.Error(err)
			}
		})
	}
}

// One call carries the commands of many: who did nothing wrong is told to send again, and the call is made anew.
func TestAnAnswerThatBreaksTheCallFailsTheOthersForAMoment(t *testing.T) {
	const others = 20
	for name, breaks := range map[string]func(s carrying, id string) error{
		"larger than a call takes": func(s carrying, id string) error {
			_ = s.Send(&backendv1.HandleResponse{Id: id, Reply: []*backendv1.Message{event("welcome", strings.Repeat(" ", 17<<20))}})
			<-s.Context().Done()
			return nil
		},
		"an error":      func(carrying, string) error { return status.Error(codes.Internal, "oops") },
		"nothing":       func(carrying, string) error { return nil },
		"for a restart": func(carrying, string) error { return status.Error(codes.Unavailable, "restarting") },
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			h := serveGRPC(t, func(s carrying) error {
				if calls++; calls > 1 {
					return each(func(*backendv1.HandleRequest) *backendv1.HandleResponse { return &backendv1.HandleResponse{} })(s)
				}
				wrong := ""
				for range others + 1 {
					r, err := s.Recv()
					if err != nil {
						return err
					}
					if strings.Contains(string(r.GetData()), "wrong") {
						wrong = r.GetId()
					}
				}
				return breaks(s, wrong)
			})
			var senders sync.WaitGroup
			for range others {
				senders.Go(func() {
					_, err := h.says(t, "x")
					wantProblem(t, err, 502, true, "may have handled")
				})
			}
			senders.Go(func() { _, _ = h.says(t, "wrong") }) // which one it was, nobody can tell
			senders.Wait()
			if _, err := h.says(t, "again"); err != nil { // and one break is no reason to open the circuit
				t.Error(err)
			}
		})
	}
}

func TestAnAnswerThatIsLargerThanACallTakesIsItsCommandsFailure(t *testing.T) {
	h := serveGRPC(t, each(func(r *backendv1.HandleRequest) *backendv1.HandleResponse {
		if strings.Contains(string(r.GetData()), "wrong") {
			return &backendv1.HandleResponse{Reply: []*backendv1.Message{event("welcome", strings.Repeat(" ", 17<<20))}}
		}
		return &backendv1.HandleResponse{}
	}))
	_, err := h.says(t, "wrong")
	wantProblem(t, err, 502, false, "more than 16777216 bytes")
	if _, err := h.says(t, "x"); err != nil {
		t.Error(err)
	}
}

func TestABackendThatServesSomethingElseIsNamed(t *testing.T) {
	h := serveGRPC(t, nil)
	_, err := h.says(t, "x")
	wantProblem(t, err, 502, false, "leat.backend.v1.BackendService")
}

func TestABackendOverGRPCGoesAndComesBack(t *testing.T) {
	fine := each(func(*backendv1.HandleRequest) *backendv1.HandleResponse { return &backendv1.HandleResponse{} })
	url, stop := listenGRPC(t, "127.0.0.1:0", fine)
	h := newHouse(t, url)
	if _, err := h.says(t, "x"); err != nil {
		t.Fatal(err)
	}
	stop()
	var err error
	for range 3 { // the first one may still find the call
		_, err = h.says(t, "x")
	}
	wantProblem(t, err, 502, true, "not sent")
	listenGRPC(t, strings.TrimPrefix(url, "grpc://"), fine)
	back := make(chan struct{})
	go func() {
		defer close(back)
		for {
			if _, err := h.says(t, "x"); err == nil || t.Context().Err() != nil {
				return
			}
		}
	}()
	within(t, "the backend that is back", back)
}

func TestAnAnswerThatIsLateOrNobodysIsDropped(t *testing.T) {
	late := make(chan string, 1)
	var dropped atomic.Pointer[string]
	h := serveGRPC(t, func(s carrying) error {
		for {
			r, err := s.Recv()
			if err != nil {
				return nil
			}
			if strings.Contains(string(r.GetData()), "slow") {
				late <- r.GetId()
				continue
			}
			slow := <-late
			dropped.Store(&slow)
			for _, id := range []string{slow, "nobody's", r.GetId(), r.GetId()} {
				if err := s.Send(&backendv1.HandleResponse{Id: id, Publish: []*backendv1.Message{event("messageReceived", message)}}); err != nil {
					return err
				}
			}
		}
	}, "TIMEOUT=500ms")
	_, err := h.says(t, "slow")
	wantProblem(t, err, 504, false, "within 500ms")
	if _, err := h.says(t, "x"); err != nil {
		t.Error(err)
	}
	if got := h.stored(t); len(got) != 1 {
		t.Errorf("stored is %q, want what answers the second command", got)
	}
	if n := h.count(t, "leat_backend_answers_dropped_total", "chat", ""); n < 2 { // the last one may be on its way yet
		t.Errorf("%v answers are counted as dropped", n)
	}
	for _, id := range []string{"id=" + *dropped.Load() + "\n", `id=nobody's` + "\n"} {
		if !strings.Contains(h.lines.String(), id) {
			t.Errorf("the log does not tell of a response with %s%s", id, h.lines)
		}
	}
}

func TestABackendThatReadsNothingHoldsUpNobodyForLongerThanItsTimeout(t *testing.T) {
	read := make(chan struct{})
	h := serveGRPC(t, func(s carrying) error {
		<-read
		return nil
	}, "TIMEOUT=500ms")
	var senders sync.WaitGroup
	for range 20 { // more than grpc-go's window
		senders.Go(func() {
			if _, err := h.says(t, strings.Repeat("x", 20000)); err == nil {
				t.Error("no error")
			}
		})
	}
	senders.Wait()
	close(read)
}

func TestAnAnswerOverGRPCCountsThoughTheCallEndsRightAfterIt(t *testing.T) {
	var answered sync.Map
	h := serveGRPC(t, func(s carrying) error {
		r, err := s.Recv()
		if err != nil {
			return err
		}
		answered.Store(string(r.GetData()), true)
		return s.Send(&backendv1.HandleResponse{Id: r.GetId()})
	})
	for i := range 5000 { // which of the two the sender sees first is chance
		text := fmt.Sprint(i)
		_, err := h.says(t, text)
		// A command may also come too late for the call before; such a one the backend has not seen.
		if _, ok := answered.Load(fmt.Sprintf(`{"text":"%s"}`, text)); ok && err != nil {
			t.Fatalf("command %d was answered: %v", i, err)
		}
	}
}

func TestABackendThatServesSomethingElseIsNamedToAllWhoSendAtOnce(t *testing.T) {
	for range 40 { // whether a command is taken before the call ends is chance
		h := serveGRPC(t, nil)
		var senders sync.WaitGroup
		for range 5 {
			senders.Go(func() {
				if _, err := h.says(t, "x"); err == nil || !strings.Contains(err.Error(), "leat.backend.v1.BackendService") {
					t.Errorf("got %v", err)
				}
			})
		}
		senders.Wait()
	}
}

func TestGRPCSTellsABackendWithoutTLSNothing(t *testing.T) {
	url, _ := listenGRPC(t, "127.0.0.1:0", each(func(*backendv1.HandleRequest) *backendv1.HandleResponse {
		t.Error("it got a command")
		return &backendv1.HandleResponse{}
	}))
	h := newHouse(t, strings.Replace(url, "grpc:", "grpcs:", 1))
	_, err := h.says(t, "x")
	wantProblem(t, err, 502, true, "not sent")
}
