package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/node"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEachListenerAnswersUntilTheContextEnds(t *testing.T) {
	var output bytes.Buffer
	n := newNode(t)
	n.Settings.ListenAdmin, n.Settings.ListenGRPC, n.Output = "127.0.0.1:0", "127.0.0.1:0", &output
	ctx, cancel := context.WithCancel(t.Context())
	n.Workers = append(n.Workers, func(context.Context, *leat.Server) error {
		defer cancel()
		return nil
	})
	var addresses node.Addresses
	n.Started = func(a node.Addresses) {
		addresses = a
		for _, url := range []string{a.Public, a.Admin} {
			for version, client := range clients(t) {
				if status := get(t, client, url+"/healthz", nil); status != http.StatusOK {
					t.Errorf("%s/healthz over %s: status %d, want 200", url, version, status)
				}
			}
		}
		conn, err := net.Dial("tcp", a.GRPC) // what grpcurl takes: a URL would keep it waiting
		if err != nil {
			t.Errorf("grpc listener: %v", err)
			return
		}
		conn.Close()
	}
	if err := n.Run(ctx); err != nil {
		t.Fatalf("run: %v, want nil after a drain", err)
	}
	want := fmt.Sprintf("leat: public %s\nleat: admin %s\nleat: grpc %s\n", addresses.Public, addresses.Admin, addresses.GRPC)
	if output.String() != want {
		t.Errorf("printed %q, want %q", output.String(), want)
	}
	for _, address := range []string{addresses.Public, addresses.Admin, addresses.GRPC} {
		if conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://")); err == nil {
			conn.Close()
			t.Errorf("%s still answers", address)
		}
	}
}

func TestHeadersMayBe16KiBAndNotMore(t *testing.T) {
	n := newNode(t)
	n.Started = func(a node.Addresses) {
		for version, client := range clients(t) {
			for kib, want := range map[int]int{15: http.StatusOK, 17: http.StatusRequestHeaderFieldsTooLarge, 60: http.StatusRequestHeaderFieldsTooLarge} {
				header := http.Header{"X-Filling": {strings.Repeat("x", kib<<10)}}
				if status := get(t, client, a.Public+"/healthz", header); status != want {
					t.Errorf("%d KiB over %s: status %d, want %d", kib, version, status, want)
				}
			}
		}
	}
	runOnce(t, n)
}

// On HTTP/2 one request with too much in its headers must not end the others on its connection.
func TestHeadersThatAreTooLargeAreAProblemOfTheirRequestAlone(t *testing.T) {
	n := newNode(t)
	n.Started = func(a node.Addresses) {
		for version, client := range clients(t) {
			var used []bool // whether the request went over a connection that was there
			for _, filling := range []int{1, 17 << 10, 1} {
				ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { used = append(used, c.Reused) }})
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.Public+"/healthz", nil)
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("X-Filling", strings.Repeat("x", filling))
				answer, err := client.Do(request)
				if err != nil {
					t.Errorf("%s: %v", version, err)
					return
				}
				body, err := io.ReadAll(answer.Body)
				answer.Body.Close()
				if err != nil {
					t.Errorf("%s: %v", version, err)
				}
				if media := answer.Header.Get("Content-Type"); filling > 1 && (media != "application/problem+json" || !strings.Contains(string(body), "16 KiB")) {
					t.Errorf("%s: got %s %s", version, media, body)
				}
			}
			if want := []bool{false, true, true}; !slices.Equal(used, want) {
				t.Errorf("%s: connections reused: %v, want %v", version, used, want)
			}
		}
	}
	runOnce(t, n)
}

func TestWhoDoesNotFinishItsHeadersIsCutAfter5Seconds(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.Started = func(a node.Addresses) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(a.Public, "http://"))
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		begun := time.Now()
		if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n"); err != nil {
			t.Error(err)
		}
		if err := conn.SetDeadline(begun.Add(30 * time.Second)); err != nil {
			t.Error(err)
		}
		_, err = io.Copy(io.Discard, conn)
		if took := time.Since(begun); err != nil || took < 4*time.Second || took > 15*time.Second {
			t.Errorf("cut after %v (%v), want about 5s", took, err)
		}
	}
	runOnce(t, n)
}

func TestPagesStandBesideTheRoutes(t *testing.T) {
	n := newNode(t)
	n.Pages = map[string]http.Handler{"/": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	})}
	n.Actions = map[string]http.Handler{"/brew": n.Pages["/"]}
	n.Started = func(a node.Addresses) {
		for _, asked := range []struct {
			method, path string
			want         int
		}{
			{"POST", "/brew", http.StatusTeapot}, {"GET", "/brew", http.StatusNotFound}, {"HEAD", "/", http.StatusTeapot},
			{"POST", "/", http.StatusNotFound}, {"DELETE", "/", http.StatusNotFound}, {"PUT", "/brew", http.StatusNotFound},
		} {
			request, err := http.NewRequest(asked.method, a.Public+asked.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != asked.want {
				t.Errorf("%s %s: status %d, want %d", asked.method, asked.path, answer.StatusCode, asked.want)
			}
		}
		for path, want := range map[string]int{"/": http.StatusTeapot, "/healthz": http.StatusOK, "/nothing": http.StatusNotFound,
			"//": http.StatusBadRequest, "/x/..": http.StatusBadRequest, "/events/orders/..": http.StatusBadRequest, "//readyz": http.StatusBadRequest} {
			if status := get(t, http.DefaultClient, a.Public+path, nil); status != want {
				t.Errorf("GET %s: status %d, want %d", path, status, want)
			}
		}
		http.DefaultClient.CloseIdleConnections()
	}
	runOnce(t, n)
}

func TestAWorkerThatFailsEndsTheNode(t *testing.T) {
	n := newNode(t)
	broken := errors.New("no sensor")
	stopped := false
	n.Workers = []func(context.Context, *leat.Server) error{
		func(context.Context, *leat.Server) error { return broken },
		func(ctx context.Context, _ *leat.Server) error {
			<-ctx.Done()
			stopped = true
			return ctx.Err()
		},
	}
	if err := n.Run(t.Context()); !errors.Is(err, broken) {
		t.Errorf("run: %v, want %v", err, broken)
	}
	if !stopped {
		t.Error("the other worker was not waited for")
	}
}

func TestAnAddressInUseIsToldAndNothingStarts(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	n := newNode(t)
	n.Settings.ListenAdmin = node.Address(taken.Addr().String())
	n.Started = func(node.Addresses) { t.Error("it started") }
	err = n.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "listen-admin "+taken.Addr().String()+": the address is in use") {
		t.Errorf("run: %v, want that the address of listen-admin is in use", err)
	}
}

func TestAllAddressesInUseAreToldAtOnce(t *testing.T) {
	n := newNode(t)
	for _, address := range []*node.Address{&n.Settings.Listen, &n.Settings.ListenAdmin, &n.Settings.ListenGRPC} {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		*address = node.Address(taken.Addr().String())
	}
	err := n.Run(t.Context())
	for _, setting := range []string{"listen ", "listen-admin ", "listen-grpc "} {
		if err == nil || !strings.Contains(err.Error(), setting) {
			t.Errorf("run: %v, want to be told of %s", err, setting)
		}
	}
}

func TestBeyondLoopbackTheNodeAsksForLeave(t *testing.T) {
	for _, address := range []node.Address{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0"} {
		for _, listener := range []string{"listen", "listen-admin", "listen-grpc"} {
			n := newNode(t)
			switch listener {
			case "listen":
				n.Settings.Listen = address
			case "listen-admin":
				n.Settings.ListenAdmin = address
			case "listen-grpc":
				n.Settings.ListenGRPC = address
			}
			n.Started = func(node.Addresses) { t.Errorf("%s %s: it started", listener, address) }
			err := n.Run(t.Context())
			if _, ok := errors.AsType[*node.SettingError](err); !ok || !strings.Contains(err.Error(), "--allow-anonymous") {
				t.Errorf("%s %s: %v, want to be told of --allow-anonymous", listener, address, err)
			}
		}
	}
	for _, address := range []node.Address{"localhost:0", "127.0.0.2:0"} {
		n := newNode(t)
		n.Settings.Listen = address
		runOnce(t, n)
	}
}

// newNode gives a node with one stream that listens for the public on a free port alone.
func newNode(t *testing.T) *node.Node {
	t.Helper()
	c, err := contract.Parse("leat.yaml", []byte(`
leat: 1
info: { title: Test, version: 1.0.0 }
streams:
  orders: { events: { order.shipped: { schema: { type: object } } } }
`))
	if err != nil {
		t.Fatal(err)
	}
	return &node.Node{
		Settings: node.Settings{Listen: "127.0.0.1:0", ListenAdmin: node.Off, ListenGRPC: node.Off, Data: t.TempDir()},
		Contract: c,
		Logger:   slog.New(slog.DiscardHandler),
		Output:   io.Discard,
	}
}

// runOnce runs a node until Started has returned.
func runOnce(t *testing.T, n *node.Node) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n.Workers = append(n.Workers, func(context.Context, *leat.Server) error {
		cancel()
		return nil
	})
	if err := n.Run(ctx); err != nil {
		t.Errorf("run: %v", err)
	}
}

// clients speak HTTP/1.1 and HTTP/2 without TLS.
func clients(t *testing.T) map[string]*http.Client {
	t.Helper()
	all := make(map[string]*http.Client)
	for version, set := range map[string]func(*http.Protocols, bool){
		"HTTP/1.1": (*http.Protocols).SetHTTP1, "HTTP/2": (*http.Protocols).SetUnencryptedHTTP2,
	} {
		transport := &http.Transport{Protocols: new(http.Protocols)}
		set(transport.Protocols, true)
		t.Cleanup(transport.CloseIdleConnections)
		all[version] = &http.Client{Transport: transport, Timeout: 10 * time.Second}
	}
	return all
}

func get(t *testing.T, client *http.Client, url string, header http.Header) int {
	t.Helper()
	status, err := try(t, client, url, header)
	if err != nil {
		t.Error(err)
	}
	return status
}

func try(t *testing.T, client *http.Client, url string, header http.Header) (int, error) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		request.Header = header
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}
