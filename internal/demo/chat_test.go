package demo_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"
	"github.com/leatstream/leat/internal/demo"
	"github.com/leatstream/leat/internal/node"
)

func TestABareWebSocketSaysHelloAndHearsIt(t *testing.T) {
	d := start(t, t.TempDir())
	conn, _, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(d.addresses.Public, "http")+"/ws/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"sendMessage","text":"Hello!"}`)); err != nil {
		t.Fatal(err)
	}
	_, got, err := conn.Read(t.Context())
	if want := `{"type":"messageReceived","user":"Alice","text":"Hello!"}`; err != nil || string(got) != want {
		t.Errorf("heard %s (%v), want %s", got, err, want)
	}
	d.stop(t)
}

func TestTwoWindowsTalkAndTheSecondJoinsWithHistory(t *testing.T) {
	d := start(t, t.TempDir())
	first, second := openBrowser(t), openBrowser(t)
	first.open(d.addresses.Public + "/chat?room=tea")
	first.until(chatState + ` === "live"`)
	first.say("Hello!")
	first.until(said + ` === "Alice: Hello!"`)
	first.until(`document.querySelector("#named").textContent === "You are Alice."`)

	second.open(d.addresses.Public + "/chat?room=tea")
	second.until(said + ` === "Alice: Hello!"`)
	second.types("Hi, ")
	first.until(`document.querySelector("#typing").textContent === "Somebody is typing…"`)
	second.say("Hi, Alice")
	first.until(said + ` === "Alice: Hello!|Bob: Hi, Alice"`)
	first.until(`document.querySelector("#typing").textContent === ""`)
	second.types("And")
	first.until(`document.querySelector("#typing").textContent === "Bob is typing…"`)
	first.until(`document.querySelector("#typing").textContent === ""`) // by itself

	second.rename("Zoe")
	first.until(`document.querySelector("#messages").textContent.includes("Bob is now Zoe")`)
	second.until(`document.querySelector("#named").textContent === "You are Zoe."`)
	first.rename("zoe")
	first.until(`document.querySelector("#named").textContent.includes("zoe is somebody else's name")`)

	second.open(d.addresses.Public + "/chat?room=coffee")
	second.until(`!document.querySelector("#empty").hidden`)
	first.close()
	second.close()
	d.stop(t)
}

func TestAMessageFailsPlainlyWhileTheBackendIsStoppedAndIsSentAgain(t *testing.T) {
	d := start(t, t.TempDir())
	b := openBrowser(t)
	b.open(d.addresses.Public + "/chat")
	b.until(backendState + ` === "running"`)
	b.say("Hello!")
	b.until(said + ` === "Alice: Hello!"`)
	b.run(`document.querySelector("#stop").click()`)
	b.until(backendState + ` === "stopped"`)
	b.say("Anybody?")
	b.until(`(document.querySelector("#pending .failed .why")?.textContent ?? "").startsWith("The backend does not answer: 502 Bad Gateway: ")`)
	b.run(`document.querySelector("#start").click()`)
	b.until(backendState + ` === "running"`)
	b.run(`document.querySelector("#pending button").click()`)
	b.until(said + ` === "Alice: Hello!|Alice: Anybody?"`)
	b.until(`document.querySelector("#pending").children.length === 0`)
	b.close()
	d.stop(t)
}

func TestTheChatGoesOnAfterADropWithNothingTwiceAndNothingMissing(t *testing.T) {
	data := t.TempDir()
	d := start(t, data)
	b := openBrowser(t)
	b.open(d.addresses.Public + "/chat?room=tea")
	b.until(chatState + ` === "live"`)
	b.say("one")
	b.until(said + ` === "Alice: one"`)
	position := d.newest(t, "chat/tea")
	d.stop(t)
	b.until(chatState + ` === "reconnecting, goes on after ` + position + `"`)
	b.say("two") // waits

	d = start(t, data, func(s *node.Settings) { s.Listen = node.Address(strings.TrimPrefix(d.addresses.Public, "http://")) })
	d.command(t, "meanwhile")
	b.until(chatState + ` === "live"`)
	b.until(said + `.includes("Alice: two")`)
	d.command(t, "last")
	b.until(said + `.endsWith("Guest: last")`)
	if got := b.text(said); strings.Count(got, "meanwhile") != 1 || strings.Count(got, "two") != 1 || strings.Count(got, "one") != 1 {
		t.Errorf("the page shows %s, want each once", got)
	}
	b.close()
	d.stop(t)
}

func TestAMessageInDoubtIsShownOnceWhenItComesBack(t *testing.T) {
	d := start(t, t.TempDir())
	b := openBrowser(t)
	b.open(d.addresses.Public + "/chat?room=tea")
	b.until(chatState + ` === "live"`)
	b.say("one")
	b.until(said + ` === "Alice: one"`)
	b.until(`document.querySelector("#pending").children.length === 0`)
	pid := d.backend(t, "running", 0)
	signal(t, pid, syscall.SIGSTOP)
	b.say("two")
	b.until(`(document.querySelector("#pending .failed .why")?.textContent ?? "").startsWith("The backend does not answer in time: 504 ")`)
	signal(t, pid, syscall.SIGCONT)
	if status := d.post(t, "/events/chat/tea", `{"type":"messageReceived","data":{"user":"Alice","text":"two"}}`, "", ""); status != http.StatusCreated {
		t.Fatalf("publishing: status %d", status)
	}
	b.until(said + ` === "Alice: one|Alice: two"`)
	b.until(`document.querySelector("#pending").children.length === 0`)
	b.close()
	d.stop(t)
}

func TestTheBackendComesBackAfterACrashAndEndsWithTheDemo(t *testing.T) {
	d := start(t, t.TempDir())
	first := d.backend(t, "running", 0)
	signal(t, first, syscall.SIGKILL)
	second := d.backend(t, "running", first)
	d.command(t, "Hello!")
	d.stop(t)
	if p, err := os.FindProcess(second); err == nil && p.Signal(syscall.Signal(0)) == nil {
		t.Errorf("process %d outlives the demo", second)
	}
}

func TestABackendThatIsToldToEndStaysStopped(t *testing.T) {
	d := start(t, t.TempDir())
	signal(t, d.backend(t, "running", 0), syscall.SIGTERM)
	d.backend(t, "stopped", 0)
	d.stop(t)
}

func TestTheBackendEndsWhenTheDemoIsKilled(t *testing.T) {
	cmd := chatBackend("127.0.0.1:0")
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = input.Close() // as the system does for a process that was killed
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestABackendThatDoesNotStartIsToldAndTheDemoRuns(t *testing.T) {
	d := startDemo(t, t.TempDir(), func(d *demo.Demo) { d.ChatBackend = noBackend })
	d.backend(t, "stopped", 0)
	if guide := d.output.String(); !strings.Contains(guide, "its backend is not running: it does not start: ") {
		t.Errorf("the guide says\n%s", guide)
	}
	d.stop(t)
}

func TestABackendOfTheUsersOwnIsUsed(t *testing.T) {
	t.Setenv("CHAT_BACKEND", "http://127.0.0.1:1/mine")
	d := startDemo(t, t.TempDir(), func(d *demo.Demo) { d.ChatBackend = nil })
	d.backend(t, "elsewhere", 0)
	if got := d.order(t, "stop", d.addresses.Public, ""); got != http.StatusConflict {
		t.Errorf("stopping it: %d, want 409", got)
	}
	d.stop(t)
}

func TestOnlyTheDemosOwnPageMayStopTheBackend(t *testing.T) {
	d := start(t, t.TempDir())
	host := strings.TrimPrefix(d.addresses.Public, "http://")
	port := host[strings.LastIndex(host, ":"):]
	for _, foreign := range []struct{ origin, host string }{
		{"", ""}, {"null", ""}, {"https://example.com", ""}, {"http://localhost:1", ""}, {"http://example.com" + port, "example.com" + port},
	} {
		if got := d.order(t, "stop", foreign.origin, foreign.host); got != http.StatusForbidden {
			t.Errorf("%+v: %d, want 403", foreign, got)
		}
	}
	d.backend(t, "running", 0)
	if got := d.order(t, "stop", d.addresses.Public, ""); got != http.StatusAccepted {
		t.Errorf("the page's own: %d, want 202", got)
	}
	d.backend(t, "stopped", 0)
	d.stop(t)
}

// What the page says, as expressions.
const (
	chatState    = `document.querySelector("#state").textContent`
	backendState = `document.querySelector("#backend b").textContent`
	said         = `[...document.querySelectorAll("#messages li:not(.told)")].map((li) => li.querySelector("b").textContent + ": " + li.querySelector("p").textContent).join("|")`
)

// says types a message and sends it.
func (b *tab) say(text string) {
	b.t.Helper()
	b.types(text)
	b.run(`document.querySelector("#say").requestSubmit()`)
}

func (b *tab) types(text string) {
	b.t.Helper()
	b.run(fmt.Sprintf(`{ const i = document.querySelector("#text"); i.value = %q; i.dispatchEvent(new Event("input")); }`, text))
}

func (b *tab) rename(name string) {
	b.t.Helper()
	b.run(fmt.Sprintf(`document.querySelector("#newname").value = %q; document.querySelector("#name").requestSubmit()`, name))
}

// noBackend is one that does not exist.
func noBackend(string) *exec.Cmd { return exec.Command(os.DevNull) }

func signal(t *testing.T, pid int, s os.Signal) {
	t.Helper()
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Signal(s)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// backend waits until the stream processes says that the backend is in a state, as another process than one before. It
// gives the process.
func (r *running) backend(t *testing.T, state string, but int) int {
	t.Helper()
	for after := "earliest"; ; {
		p := r.page(t, "processes", "limit=1&after="+after)
		if len(p.Events) == 0 {
			t.Fatalf("the backend was never %s after %s", state, after)
		}
		after = p.Events[0].ID
		pid, _ := p.Events[0].Data["pid"].(float64)
		if p.Events[0].Data["state"] == state && (but == 0 || int(pid) != but) {
			return int(pid)
		}
	}
}

// command says something in the room tea without a connection.
func (r *running) command(t *testing.T, text string) {
	t.Helper()
	body := fmt.Sprintf(`{"type":"sendMessage","data":{"text":%q}}`, text)
	if status := r.post(t, "/commands/chat/tea", body, "", ""); status != http.StatusOK {
		t.Fatalf("saying %s: status %d", text, status)
	}
}

// order asks to start or stop the backend as a page of an origin would.
func (r *running) order(t *testing.T, what, origin, host string) int {
	t.Helper()
	return r.post(t, "/chat/backend/"+what, "", origin, host)
}

func (r *running) post(t *testing.T, path, body, origin, host string) int {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, r.addresses.Public+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Host = host
	request.Header.Set("Content-Type", "application/json")
	if origin != "" {
		request.Header.Set("Origin", origin)
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}
