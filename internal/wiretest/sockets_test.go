package wiretest_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/gobwas/ws"
	"github.com/leatstream/leat/internal/wiretest"
)

// A framed is a framing of /ws/chat, as it is on the wire.
type framed struct {
	name, command string   // says é
	welcome, ack  string   // of the answer, which is {"late":true}; ack empty: none
	first         []string // before everything else
}

func (f framed) answer() []string {
	if f.ack == "" {
		return []string{f.welcome}
	}
	return []string{f.welcome, f.ack}
}

func framings() []framed {
	return []framed{
		{"leat.flat", `{"type":"sendMessage","text":"é"}`, `{"type":"welcome","late":true}`, "", nil},
		{"cloudevents.json", `{"specversion":"1.0","id":"1","source":"/me","type":"sendMessage","data":{"text":"é"}}`, `"type":"welcome"`, "", nil},
		{"leat.v1", `{"op":"command","ref":7,"type":"sendMessage","data":{"text":"é"}}`, `{"op":"reply","ref":7,"type":"welcome","data":{"late":true}}`,
			`{"op":"ack","ref":7}`, []string{`{"op":"subscribed"`}},
	}
}

// dialEarly opens a WebSocket, with frames right behind the handshake.
func dialEarly(t *testing.T, s *wiretest.Server, path, framing string, frames ...ws.Frame) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	var out bytes.Buffer
	fmt.Fprintf(&out, "GET %s HTTP/1.1\r\nHost: leat\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", path, framing)
	for _, frame := range frames {
		if err := ws.WriteFrame(&out, ws.MaskFrame(frame)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := out.WriteTo(conn); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	if response, err := http.ReadResponse(in, nil); err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the handshake is answered with %v, %v", response, err)
	}
	return conn, in
}

// sentTo reads what comes up to the close frame, and its code; zero where there are so many messages before it.
func sentTo(t *testing.T, in io.Reader, enough int) (messages []string, code ws.StatusCode) {
	t.Helper()
	for len(messages) < enough {
		header, err := ws.ReadHeader(in)
		if err != nil {
			t.Fatalf("behind %q: %v", messages, err)
		}
		payload := make([]byte, min(header.Length, 1<<20)) // no message here is as long
		if _, err := io.ReadFull(in, payload); err != nil {
			t.Fatal(err)
		}
		switch header.OpCode {
		case ws.OpText:
			messages = append(messages, string(payload))
		case ws.OpClose:
			code, _ = ws.ParseCloseFrameData(payload)
			return messages, code
		}
	}
	return messages, 0
}

// wantSaid compares messages with what they contain.
func wantSaid(t *testing.T, got []string, want ...string) {
	t.Helper()
	for i, w := range want {
		if i >= len(got) || !strings.Contains(got[i], w) {
			t.Fatalf("got %q, want %q as number %d", got, w, i)
		}
	}
	if len(got) > len(want) {
		t.Fatalf("got %q too", got[len(want):])
	}
}

func TestACommandMayComeInFragments(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 10)
	s := chat(t, func(w http.ResponseWriter, r *http.Request) {
		heard <- text(r)
		_, _ = io.WriteString(w, `{"reply":[{"type":"welcome","data":{"late":true}}]}`)
	})
	for _, f := range framings() {
		t.Run(f.name, func(t *testing.T) {
			cut := strings.Index(f.command, "é") + 1 // within the character
			part := func(code ws.OpCode, fin bool, text string) ws.Frame { return ws.NewFrame(code, fin, []byte(text)) }
			_, in := dialEarly(t, s, "/ws/chat/hall", f.name, part(ws.OpText, false, f.command[:1]), ws.NewPingFrame([]byte("p")),
				part(ws.OpContinuation, false, f.command[1:cut]), part(ws.OpContinuation, false, ""), part(ws.OpContinuation, true, f.command[cut:]))
			want := append(slices.Clone(f.first), f.answer()...)
			got, _ := sentTo(t, in, len(want))
			wantSaid(t, got, want...)
			if text := within(t, heard); text != "é" {
				t.Errorf("the backend heard %q", text)
			}
		})
	}
}

// The command before it has its answer; nothing of what is wrong, or behind it, reaches the backend.
func TestAFrameThatIsWrongEndsTheConnectionBehindTheCommandsBeforeIt(t *testing.T) {
	t.Parallel()
	heard := make(chan string, 10)
	s := chat(t, func(w http.ResponseWriter, r *http.Request) {
		heard <- text(r)
		_, _ = io.WriteString(w, `{"reply":[{"type":"welcome","data":{"late":true}}]}`)
	})
	for _, f := range framings() {
		latin1 := strings.Replace(f.command, "é", "\xe9", 1)
		for name, wrong := range map[string]struct {
			frames []ws.Frame
			code   ws.StatusCode
		}{
			"binary":              {[]ws.Frame{ws.NewBinaryFrame([]byte(f.command))}, ws.StatusUnsupportedData},
			"no UTF-8":            {[]ws.Frame{ws.NewTextFrame([]byte(latin1))}, ws.StatusInvalidFramePayloadData},
			"no UTF-8, fragments": {[]ws.Frame{ws.NewFrame(ws.OpText, false, []byte(latin1[:9])), ws.NewFrame(ws.OpContinuation, true, []byte(latin1[9:]))}, ws.StatusInvalidFramePayloadData},
			"fragments of none":   {[]ws.Frame{ws.NewFrame(ws.OpContinuation, true, []byte(f.command))}, ws.StatusProtocolError},
			"too large":           {[]ws.Frame{ws.NewTextFrame(bytes.Repeat([]byte(" "), 80<<10))}, ws.StatusMessageTooBig},
		} {
			t.Run(f.name+"/"+name, func(t *testing.T) {
				command := ws.NewTextFrame([]byte(f.command))
				frames := append([]ws.Frame{command}, wrong.frames...)
				_, in := dialEarly(t, s, "/ws/chat/hall", f.name, append(frames, command)...)
				want := append(slices.Clone(f.first), f.answer()...)
				got, code := sentTo(t, in, 99)
				wantSaid(t, got, want...)
				if code != wrong.code {
					t.Errorf("closed with %d, want %d", code, wrong.code)
				}
				if text := within(t, heard); text != "é" || len(heard) > 0 {
					t.Errorf("the backend heard %q, and %d more", text, len(heard))
				}
			})
		}
	}
}

// A command under way when the server goes has its answer, or is to be sent again; leat.end is told once, and the close
// frame is behind both.
func TestASocketThatIsDrainedHasTheAnswerOfItsCommand(t *testing.T) {
	t.Parallel()
	for _, f := range framings() {
		for _, how := range []string{"drained", "closed"} {
			t.Run(f.name+"/"+how, func(t *testing.T) {
				t.Parallel()
				arrived, release := make(chan struct{}), make(chan struct{})
				s := chat(t, func(w http.ResponseWriter, r *http.Request) {
					close(arrived)
					<-release
					_, _ = io.WriteString(w, `{"reply":[{"type":"welcome","data":{"late":true}}]}`)
				})
				ctx := wiretest.Context(t)
				conn, next := dialWS(t, s, "/ws/chat/hall", f.name)
				if err := conn.Write(ctx, websocket.MessageText, []byte(f.command)); err != nil {
					t.Fatal(err)
				}
				within(t, arrived)
				over := make(chan error, 1)
				answer := f.answer()
				if how == "closed" {
					answer = []string{`"status":503`}
					defer close(release)
					go func() { s.Stop(); over <- nil }()
				} else {
					go func() { over <- s.Leat.Drain(ctx, 0) }()
				}
				for _, want := range append(slices.Clone(f.first), `leat.end`) {
					if got := next(); !strings.Contains(got, want) {
						t.Fatalf("got %s, want %s", got, want)
					}
				}
				if how == "drained" {
					close(release)
				}
				for _, want := range answer {
					if got := next(); !strings.Contains(got, want) || how == "closed" && !strings.Contains(got, `"retryable":true`) {
						t.Fatalf("got %s, want %s", got, want)
					}
				}
				if _, text, err := conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
					t.Errorf("got %s, %v, want the close code 1012", text, err)
				}
				if err := <-over; err != nil {
					t.Error(err)
				}
			})
		}
	}
}
