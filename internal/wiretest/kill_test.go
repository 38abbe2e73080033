package wiretest_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/wiretest"
)

// serveUntilKilled is what the test binary does as a child: a leat on a data folder, whose address it prints.
func serveUntilKilled(data string) {
	c, err := contract.Parse("leat.yaml", []byte(wiretest.Orders))
	if err != nil {
		panic(err)
	}
	s, err := leat.Open(context.Background(), c, leat.WithData(data), leat.WithLoopback())
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("http://" + listener.Addr().String())
	panic(http.Serve(listener, s.Handler()))
}

// serveKillable starts a child, which kill ends as kill -9 does.
func serveKillable(t *testing.T, data string) (s *wiretest.Server, kill func()) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "LEAT_TEST_SERVER="+data)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		if err := child.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = child.Wait() // says that it was killed
	})
	t.Cleanup(kill)
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the child has not started: %v", err)
	}
	return wiretest.At(t, strings.TrimSpace(url)), kill
}

// Kill -9 in the middle of publishing, ten times: what was acknowledged is there, under the ids that were told, and
// every position ever told resumes with no gap.
func TestNothingAcknowledgedIsLostWhenTheServerIsKilled(t *testing.T) {
	t.Parallel()
	const rounds, publishers, enough = 10, 4, 200
	data := t.TempDir()
	acknowledged := map[string]string{} // by id: data
	for round := range rounds {
		s, kill := serveKillable(t, data)
		var mu sync.Mutex // guards acknowledged and count
		count := 0
		var group sync.WaitGroup
		for p := range publishers {
			group.Go(func() {
				for i := 0; ; i++ {
					given := fmt.Sprintf(`{"round":%d,"publisher":%d,"n":%d}`, round, p, i)
					id, err := wiretest.Wires()[0].Publish(context.Background(), s, "plain", "", "tock", given)
					if err != nil {
						return // killed
					}
					mu.Lock()
					acknowledged[id] = given
					if count++; count == enough {
						go kill()
					}
					mu.Unlock()
				}
			})
		}
		group.Wait()
		kill()
		http.DefaultClient.CloseIdleConnections()
	}
	s, _ := serveKillable(t, data)
	c := wiretest.Wires()[0].Open(t, s, wiretest.Subscription{Stream: "plain", After: "earliest"})
	var ids []string
	incarnations := map[string]bool{}
	for {
		e := c.Take()
		if e.Type == "leat.live" {
			break
		}
		if given, ok := acknowledged[e.ID]; ok && given != e.Data { // one that was not acknowledged may be there too
			t.Errorf("%s was %s, and now is %s", e.ID, given, e.Data)
		}
		ids = append(ids, e.ID)
		incarnations[position(t, e.ID).Incarnation()] = true
		delete(acknowledged, e.ID)
	}
	for id, given := range acknowledged {
		t.Errorf("%s is lost: %s", id, given)
	}
	if len(incarnations) != rounds {
		t.Errorf("%d incarnations after %d rounds", len(incarnations), rounds)
	}
	for i := 0; i < len(ids)-1; i += 29 {
		c := wiretest.Wires()[0].Open(t, s, wiretest.Subscription{Stream: "plain", After: ids[i], Resume: true})
		c.WantsStart(ids[i])
		c.Wants(ids[i+1 : min(i+4, len(ids))]...)
		c.Close()
	}
}
