package node_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
	leatv1 "github.com/leatstream/leat/gen/leat/v1"
	"github.com/leatstream/leat/internal/node"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// asking gives a node whose backend tells each command that has come, and answers none. It drains when so many have.
func asking(t *testing.T, commands int) (n *node.Node, ctx context.Context, arrived chan string) {
	t.Helper()
	arrived, release := make(chan string, 99), make(chan struct{})
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		arrived <- string(text)
		<-release
	}))
	t.Cleanup(backend.Close)
	t.Cleanup(func() { close(release) })
	n = newNode(t)
	c, err := contract.Parse("leat.yaml", fmt.Appendf(nil, `
leat: 1
info: { title: Test, version: 1.0.0 }
streams:
  chat:
    commands: { say: { schema: { type: object } } }
    events: { said: { schema: { type: object } } }
    backend: { url: %q, timeout: 50s }
`, backend.URL))
	if err != nil {
		t.Fatal(err)
	}
	n.Contract = c
	ctx, cancel := context.WithCancel(t.Context())
	n.Workers = append(n.Workers, func(context.Context, *leat.Server) error {
		defer cancel()
		for range commands {
			<-arrived
		}
		return nil
	})
	return n, ctx, arrived
}

// What the backend has not answered when the node has no time any more is not cut, but told.
func TestACommandUnderWayAtTheEndOfADrainIsToBeSentAgain(t *testing.T) {
	t.Parallel()
	n, ctx, _ := asking(t, 2)
	answers := make(chan string, 2)
	n.Started = func(a node.Addresses) {
		for version, client := range clients(t) {
			client.Timeout = 0
			go func() {
				answer, err := client.Post(a.Public+"/commands/chat", "application/json", strings.NewReader(`{"type":"say","data":{}}`))
				if err != nil {
					answers <- version + ": " + err.Error()
					return
				}
				defer answer.Body.Close()
				text, _ := io.ReadAll(answer.Body)
				answers <- fmt.Sprint(version, ": ", answer.StatusCode, " ", string(text))
			}()
		}
	}
	if err := n.Run(ctx); err != nil {
		t.Error(err)
	}
	for range cap(answers) {
		if got := <-answers; !strings.Contains(got, ": 503 ") || !strings.Contains(got, `"retryable":true`) || !strings.Contains(got, "may have handled") {
			t.Errorf("answered with %s", got)
		}
	}
}

// Of the commands that a client has sent ahead, none is begun any more.
func TestAConversationThatIsDrainedHasAnswersForAllThatWasForwarded(t *testing.T) {
	t.Parallel()
	n, ctx, arrived := asking(t, 2)
	n.Settings.ListenGRPC = "127.0.0.1:0"
	heard := make(chan []string, 2)
	n.Started = func(a node.Addresses) {
		for _, address := range []string{a.GRPC, strings.TrimPrefix(a.Public, "http://")} {
			talk := converse(t, address)
			for ref := range 4 {
				if err := talk.Send(&leatv1.ConnectRequest{Json: fmt.Appendf(nil, `{"op":"command","ref":%d,"stream":"chat","type":"say","data":{}}`, ref)}); err != nil {
					t.Fatal(err)
				}
			}
			go func() {
				var all []string
				for {
					got, err := talk.Recv()
					if err != nil {
						heard <- append(all, status.Code(err).String(), err.Error())
						return
					}
					all = append(all, string(got.Json))
				}
			}()
		}
	}
	if err := n.Run(ctx); err != nil {
		t.Error(err)
	}
	for range cap(heard) {
		got := <-heard
		if !strings.Contains(got[0], `"ref":0,`) || !strings.Contains(got[0], `"status":503`) || !strings.Contains(got[0], "may have handled") {
			t.Errorf("the first answer of %q is not that the command is to be sent again", got)
		}
		answers := got[1 : len(got)-2]
		for i, answer := range answers {
			if !strings.Contains(answer, fmt.Sprintf(`"ref":%d,`, i+1)) || !strings.Contains(answer, "nothing was stored or sent") {
				t.Errorf("answered with %s", answer)
			}
		}
		if code := got[len(got)-2]; code != codes.Unavailable.String() || !strings.Contains(got[len(got)-1], "shutting down") {
			t.Errorf("the end is %s", got[len(got)-1])
		}
	}
	if len(arrived) > 0 {
		t.Errorf("the backend got %d more", len(arrived))
	}
}

func converse(t *testing.T, address string) leatv1.StreamService_ConnectClient {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	talk, err := leatv1.NewStreamServiceClient(conn).Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return talk
}
