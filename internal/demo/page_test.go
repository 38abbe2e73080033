package demo_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/leatstream/leat/internal/node"
)

func TestThePageShowsWhatHappensAndGivesItsConnectionsBackWhileHidden(t *testing.T) {
	d := start(t, t.TempDir())
	b := openBrowser(t)
	b.open(d.addresses.Public + "/")
	for _, stream := range []string{"telemetry", "orders", "prices"} {
		b.until(state(stream) + ` === "live"`)
	}
	if n := d.connections(t); n != 3 {
		t.Errorf("the page has %d connections, want 3", n)
	}
	seen := b.number(events("telemetry"))
	picture := b.text(`document.querySelector("#cpu canvas").toDataURL()`)
	b.until(events("telemetry") + ` > ` + strconv.Itoa(seen+2))
	if moved := b.text(`document.querySelector("#cpu canvas").toDataURL()`); moved == picture {
		t.Error("the processor's chart did not move")
	}
	b.until(`document.querySelectorAll("#orders li").length > 1`)
	b.until(`document.querySelectorAll("#prices li").length > 1`)

	b.run(`document.querySelector("#orders button").click()`)
	b.until(`document.querySelector("#orders li.mine") !== null`)

	b.show(browser.WindowStateMinimized)
	b.until(`document.visibilityState === "hidden"`)
	d.untilConnections(t, 0)
	missed := d.newest(t, "telemetry")
	d.after(t, "telemetry", missed)
	b.show(browser.WindowStateNormal)
	for _, stream := range []string{"telemetry", "orders", "prices"} {
		b.until(state(stream) + ` === "live"`)
	}
	d.untilConnections(t, 3)
	if told := b.text(`document.querySelector("#told").textContent`); !strings.Contains(told, "caught up, none missed") {
		t.Errorf("back again, the page tells %q, want that none was missed", told)
	}
	b.close()
	d.stop(t)
}

func TestThePageGoesOnByItselfWhenTheDemoIsBack(t *testing.T) {
	data := t.TempDir()
	d := start(t, data)
	b := openBrowser(t)
	b.open(d.addresses.Public + "/")
	b.until(state("orders") + ` === "live"`)
	b.until(events("orders") + ` > 0`)
	// The drain is a second; then a connection that the browser opened to have one is waited for.
	if took := d.stop(t); took > 10*time.Second {
		t.Errorf("with a page open the demo took %v to end", took)
	}
	b.until(state("orders") + ` === "reconnecting"`)
	b.until(`document.querySelector("#alert").textContent.includes("The server does not answer")`)

	d = start(t, data, func(s *node.Settings) { s.Listen = node.Address(strings.TrimPrefix(d.addresses.Public, "http://")) })
	for _, stream := range []string{"telemetry", "orders", "prices"} {
		b.until(state(stream) + ` === "live"`)
	}
	b.until(`document.querySelector("#alert").hidden`)
	for stream, want := range map[string]int{"orders": 0, "prices": 0, "telemetry": 1} { // which was kept in memory
		if gaps := b.number(gaps(stream)); gaps != want {
			t.Errorf("%s: %d gaps after a second start, want %d", stream, gaps, want)
		}
	}
	b.close()
	d.stop(t)
}

// What the card of a stream says, as expressions.
func state(stream string) string {
	return fmt.Sprintf(`document.querySelector("#stream-%s .state").textContent`, stream)
}

func events(stream string) string {
	return fmt.Sprintf(`Number(document.querySelector("#stream-%s .events").textContent.replaceAll(",", ""))`, stream)
}

func gaps(stream string) string {
	return fmt.Sprintf(`Number(document.querySelector("#stream-%s .gaps").textContent)`, stream)
}

// connections are the server's count of open event streams.
func (r *running) connections(t *testing.T) int {
	t.Helper()
	answer, err := client.Get(r.addresses.Admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, `leat_connections{transport="sse"} `); ok {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no leat_connections in\n%s", text)
	return 0
}

func (r *running) untilConnections(t *testing.T, want int) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); ; <-again.C {
		n := r.connections(t)
		if n == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections, want %d", n, want)
		}
	}
}

// newest gives the position of a stream's newest event.
func (r *running) newest(t *testing.T, stream string) string {
	t.Helper()
	events := r.page(t, stream, "last=1").Events
	if len(events) == 0 {
		t.Fatalf("%s is empty", stream)
	}
	return events[0].ID
}

// after waits for an event after a position.
func (r *running) after(t *testing.T, stream, position string) {
	t.Helper()
	if len(r.page(t, stream, "after="+position).Events) == 0 {
		t.Fatalf("%s: nothing came after %s", stream, position)
	}
}

const patience = 30 * time.Second

// A tab is a page in a browser without a window.
type tab struct {
	t      *testing.T
	ctx    context.Context
	cancel context.CancelFunc
}

func openBrowser(t *testing.T) *tab {
	t.Helper()
	if os.Getenv("CI") == "" && !browserInstalled() {
		t.Skip("no Chromium is installed; make test installs one")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.DisableGPU)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	b := &tab{t: t}
	b.ctx, b.cancel = chromedp.NewContext(allocator)
	t.Cleanup(b.cancel)
	return b
}

// browserInstalled looks for the names that chromedp knows.
func browserInstalled() bool {
	for _, name := range []string{
		"headless_shell", "headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	} {
		if _, err := exec.LookPath(name); err == nil {
			return true
		}
	}
	return false
}

func (b *tab) open(url string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(url)); err != nil {
		b.t.Fatalf("open %s: %v", url, err)
	}
}

// close ends the browser and waits for it.
func (b *tab) close() {
	if err := chromedp.Cancel(b.ctx); err != nil {
		b.t.Logf("closing the browser: %v", err)
	}
}

// show makes the window what a user would make of it.
func (b *tab) show(state browser.WindowState) {
	b.t.Helper()
	window, err := chromedp.CallBrowser(b.ctx, browser.GetWindowForTarget,
		browser.GetWindowForTargetParams{TargetID: chromedp.FromContext(b.ctx).Target.TargetID})
	if err == nil {
		_, err = chromedp.CallBrowser(b.ctx, browser.SetWindowBounds,
			browser.SetWindowBoundsParams{WindowID: window.WindowID, Bounds: &browser.Bounds{WindowState: state}})
	}
	if err != nil {
		b.t.Fatalf("make the window %s: %v", state, err)
	}
}

// until waits for an expression to be true. It asks from outside: a page that is hidden draws no frames to ask in.
func (b *tab) until(condition string) {
	b.t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); ; <-again.C {
		is, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](condition))
		switch {
		case is:
			return
		case err != nil:
			b.t.Fatalf("%s: %v", condition, err)
		case time.Now().After(deadline):
			b.t.Fatalf("still not %s; the page says:\n%s", condition, b.text(`document.body.innerText`))
		}
	}
}

func (b *tab) run(script string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Evaluate[chromedp.Void](script)); err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
}

func (b *tab) text(expression string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return text
}

func (b *tab) number(expression string) int {
	b.t.Helper()
	n, err := chromedp.Run(b.ctx, chromedp.Evaluate[int](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return n
}
