package demo_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/leatstream/leat/internal/node"
)

func TestTheTypedPageShowsEachFieldOfTheContractAndGoesOnAfterACut(t *testing.T) {
	d := start(t, t.TempDir())
	b := openBrowser(t)
	b.open(d.addresses.Public + "/typed")
	b.until(typedState + ` === "live"`)
	for _, field := range []string{"string device = 1", "google.protobuf.Timestamp when = 2", "double percent = 1", "repeated double cores = 2", "int64 used_bytes = 1"} {
		if got := b.text(`document.querySelector("#fields").textContent`); !strings.Contains(got, field) {
			t.Errorf("the page shows %q, want %s", got, field)
		}
	}
	seen := b.number(typedEvents)
	b.until(typedEvents + ` > ` + strconv.Itoa(seen+2))
	b.until(`/^[0-9,]+ /.test([...document.querySelectorAll("#fields .field")].find((f) => f.textContent.includes("total_bytes")).querySelector(".value").textContent)`)

	b.run(`document.querySelector("#cut").click()`)
	b.until(typedState + ` === "reconnecting"`)
	b.until(typedState + ` === "live"`)
	b.until(typedTold + `.includes("caught up, none missed")`)

	b.show(browser.WindowStateMinimized)
	b.until(typedState + ` === "paused"`)
	b.show(browser.WindowStateNormal)
	b.until(typedState + ` === "live"`)
	if got := b.text(`document.querySelector("#missed").textContent`); got != "none" {
		t.Errorf("missed: %s, want none", got)
	}
	b.close()
	d.stop(t)
}

func TestTheTypedPageShowsErrorsPlainly(t *testing.T) {
	d := start(t, t.TempDir())
	b := openBrowser(t)
	b.open(d.addresses.Public + "/typed")
	b.until(typedState + ` === "live"`)
	b.run(`document.querySelector("#right").click()`)
	b.until(answered + `.startsWith("stored as ")`)
	b.run(`document.querySelector("#wrong").click()`)
	b.until(answered + `.startsWith("invalid_argument order.cancelled: 2 places of it are not what the contract says")`)
	if got := b.text(answered); !strings.Contains(got, "/data/orderIdmust be string, got number") || !strings.Contains(got, "/data/reasonis required") {
		t.Errorf("the page says %q, want what is wrong where", got)
	}
	b.close()
	d.stop(t)
}

func TestTheTypedPageGoesOnByItselfWhenTheDemoIsBack(t *testing.T) {
	data := t.TempDir()
	d := start(t, data)
	b := openBrowser(t)
	b.open(d.addresses.Public + "/typed")
	b.until(typedState + ` === "live"`)
	d.stop(t)
	b.until(typedState + ` === "reconnecting"`)
	b.until(typedTold + `.includes("leat_end · drain")`)
	b.until(`document.querySelector("#alert").textContent.includes("The server does not answer")`)
	b.run(`document.querySelector("#wrong").click()`)
	b.until(answered + `.startsWith("unavailable the server does not answer")`)

	d = start(t, data, func(s *node.Settings) { s.Listen = node.Address(strings.TrimPrefix(d.addresses.Public, "http://")) })
	b.until(typedState + ` === "live"`)
	b.until(`document.querySelector("#alert").hidden`)
	b.until(`document.querySelector("#missed").textContent.startsWith("after ")`) // telemetry was kept in memory
	b.close()
	d.stop(t)
}

// What the page says, as expressions.
const (
	typedState  = `document.querySelector("#state").textContent`
	typedTold   = `document.querySelector("#told ol").textContent`
	typedEvents = `Number(document.querySelector("#events").textContent.replaceAll(",", ""))`
	answered    = `document.querySelector("#answer").textContent`
)
