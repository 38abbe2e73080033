package websocket_test

import (
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

// awaitNoGoroutine waits until no connection of the package has one.
func awaitNoGoroutine(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for deadline := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		all := string(stacks[:runtime.Stack(stacks, true)])
		if !strings.Contains(all, "websocket.(*client)") && !strings.Contains(all, "websocket.(*reader)") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("an idle connection has a goroutine:\n%s", all)
		}
	}
}

func TestAConnectionHasAGoroutineOnlyWhileItsClientSpeaks(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has a watcher")
	}
	server := idle(t)
	var conns []net.Conn
	for range 20 {
		conns = append(conns, dialRaw(t, server, "/ws", "leat.v1"))
	}
	awaitNoGoroutine(t)
	whole := frame(text, `{"op":"dance"}`)
	for round := range 3 {
		for _, conn := range conns {
			for _, part := range [][]byte{whole[:1], whole[1:5], whole[5:], whole} {
				if _, err := conn.Write(part); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				if f := next(t, conn); !strings.Contains(string(f.Payload), "dance") {
					t.Fatalf("round %d: got %s", round, f.Payload)
				}
			}
		}
		awaitNoGoroutine(t)
	}
	for _, conn := range conns {
		if _, err := conn.Write(frame(closing, closePayload(1000, ""))); err != nil {
			t.Fatal(err)
		}
		if f := next(t, conn); closeCode(f) != 1000 {
			t.Errorf("got %v, want close 1000", f.Header.OpCode)
		}
	}
}

func TestAClientThatGoesWhileItsConnectionRestsIsForgotten(t *testing.T) {
	conn := dialRaw(t, idle(t), "/ws", "leat.v1")
	half, _ := conn.(*net.TCPConn)
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		t.Errorf("got % x, %v; want the connection closed", rest, err)
	}
}
