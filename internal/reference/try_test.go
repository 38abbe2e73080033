package reference_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/leatstream/leat/internal/nodetest"
	"github.com/leatstream/leat/internal/wiretest"
)

// A panel is "Try it" of one stream.
type panel struct {
	*tab
	stream string
}

// at is the expression for an element of the panel.
func (p panel) at(selector string) string {
	return fmt.Sprintf("document.querySelector(`.try[data-stream=%s] %s`)", p.stream, selector)
}

// choose sets a field of a form as a user does.
func (p panel) choose(selector, value string) {
	p.Helper()
	p.run(fmt.Sprintf("{ const field = %s; field.value = %q; field.dispatchEvent(new Event('change', { bubbles: true })); }", p.at(selector), value))
}

func (p panel) click(selector string) {
	p.Helper()
	p.run(p.at(selector) + ".click()")
}

// connect subscribes, until it stands.
func (p panel) connect(transport, start string) {
	p.Helper()
	p.choose(".connect [name=transport]", transport)
	p.choose(".connect [name=start]", start)
	p.click(".connect button:not([type])")
	p.untilState("live")
}

func (p panel) untilState(want string) {
	p.Helper()
	p.until(p.at(".state") + fmt.Sprintf(".dataset.state === %q", want))
}

// untilSays waits for a text.
func (p panel) untilSays(selector, text string) {
	p.Helper()
	p.until(p.at(selector) + fmt.Sprintf(".textContent.includes(%q)", text))
}

// field is the control with a label in the form made of the schema, as an expression.
func (p panel) field(label string) string {
	return fmt.Sprintf("[...%s.querySelectorAll('label')].find((label) => label.textContent === %q).control", p.at(".made"), label)
}

func (p panel) fill(label, value string) {
	p.Helper()
	p.run(p.field(label) + fmt.Sprintf(".value = %q", value))
}

// wrong is what the form says to be wrong with a field.
func (p panel) wrong(label string) string {
	p.Helper()
	return evaluate[string](p.tab, fmt.Sprintf("{ const field = %s; field.ariaInvalid !== 'true' ? '' : document.getElementById(field.getAttribute('aria-describedby').split(' ').at(-1)).textContent }", p.field(label)))
}

// arrived lists what a member of the events' data is in those that have arrived, the oldest first.
func (p panel) arrived(member string) string {
	p.Helper()
	return evaluate[string](p.tab, fmt.Sprintf("[...%s.querySelectorAll('li:not(.control) .data')].map((e) => JSON.parse(e.textContent).%s).reverse().join(' ')", p.at(".arrivals"), member))
}

func TestAnybodyCanTryIt(t *testing.T) {
	s := startShop(t)
	b := openBrowser(t)
	for _, transport := range []string{"sse", "websocket", "pages"} {
		t.Run(transport, func(t *testing.T) { tryTransport(b.with(t), s, transport) })
	}
	t.Run("a stream that nobody keeps", func(t *testing.T) { tryUnstored(b.with(t), s) })
	t.Run("rooms and commands", func(t *testing.T) { tryRooms(b.with(t), s) })
	t.Run("every kind of field", func(t *testing.T) { tryForm(b.with(t), s) })
	t.Run("what the server says about a subscription", func(t *testing.T) { tryStarts(b.with(t), s) })
	t.Run("the programs", func(t *testing.T) { runScripts(b.with(t), s) })
	t.Run("mounted below a path", func(t *testing.T) { tryMounted(b.with(t), s) })
	t.Run("a server that comes back", func(t *testing.T) { tryRestart(b.with(t), s) })
}

// tryTransport subscribes, publishes, makes a mistake, loses the connection, and gets what happened meanwhile.
func tryTransport(b *tab, s *wiretest.Server, transport string) {
	b.open(s.URL + "/docs")
	p := panel{b, "orders"}
	p.connect(transport, "latest")

	p.fill("orderId", "by-form")
	p.click(".send button:not([type])")
	p.untilSays(".answer", "201: stored as ")
	p.untilSays(".arrivals", `"orderId":"by-form"`)

	p.fill("orderId", "")
	p.fill("count", "many")
	p.click(".send button:not([type])")
	p.untilSays(".answer", "422 ")
	for label, want := range map[string]string{"orderId": "is required", "count": "must be integer, got string", "when": ""} {
		if got := p.wrong(label); got != want {
			b.Errorf("%s: the form says %q, want %q", label, got, want)
		}
	}
	if focused := evaluate[string](b, "document.activeElement.id"); focused != evaluate[string](b, p.field("orderId")+".id") && focused != evaluate[string](b, p.field("count")+".id") {
		b.Errorf("nothing that is wrong has the focus, but %q", focused)
	}

	p.click("[name=drop]")
	p.untilState("dropped")
	for i := range 3 {
		s.Publish("orders", "order.placed", order(fmt.Sprintf("meanwhile-%d", i)))
	}
	p.click("[name=drop]") // go on now
	p.untilSays(".told", "3 events caught up, none missed")
	p.untilState("live")
	last := s.Publish("orders", "order.placed", order("after"))
	p.untilSays(".arrivals", last)
	if got, want := p.arrived("orderId"), "by-form meanwhile-0 meanwhile-1 meanwhile-2 after"; got != want {
		b.Errorf("there arrived %s, want %s", got, want)
	}
	p.click("[name=stop]")
	p.untilState("off")
}

func tryUnstored(b *tab, s *wiretest.Server) {
	b.open(s.URL + "/docs")
	p := panel{b, "ticks"}
	p.choose(".connect [name=transport]", "websocket")
	p.click(".connect button:not([type])")
	p.untilState("live")
	p.click(".send button:not([type])")
	p.untilSays(".answer", "202: sent to who is there")
	p.untilSays(".arrivals", "7")
	p.click("[name=drop]")
	p.untilState("dropped")
	p.click("[name=drop]")
	p.untilSays(".told", "this stream keeps nothing, so what happened meanwhile is gone")
	if there := evaluate[bool](b, `document.querySelector(".try[data-stream=services] .connect") !== null`); there {
		b.Error("a stream of gRPC alone can be subscribed to")
	}
}

func tryRooms(b *tab, s *wiretest.Server) {
	b.open(s.URL + "/docs")
	p := panel{b, "rooms"}
	p.choose(".connect [name=key]", "tea")
	p.connect("websocket", "latest")
	p.choose(".send [name=type]", "commands/say")
	p.choose(".send [name=key]", "tea")
	p.fill("text", "One lump")
	p.click(".send button:not([type])")
	p.untilSays(".answer", "200: done")
	p.untilSays(".answer pre", `"heard"`)
	p.untilSays(".arrivals", "One lump")
	p.choose(".send [name=key]", "coffee")
	p.click(".send button:not([type])")
	p.untilSays(".answer", "200: done")
	p.run(p.at(".connect [name=allKeys]") + ".click()")
	p.connect("sse", "earliest")
	p.until(p.at(".arrivals") + ".querySelectorAll('li:not(.control)').length === 2")
	if disabled := evaluate[bool](b, p.at(".connect [name=key]")+".disabled"); !disabled {
		b.Error("every room, and a key beside it")
	}
}

// tryForm writes an order in which there is something of everything.
func tryForm(b *tab, s *wiretest.Server) {
	b.open(s.URL + "/docs")
	p := panel{b, "orders"}
	button := func(text string) string {
		return fmt.Sprintf("[...%s.querySelectorAll('button')].find((button) => button.textContent === %q).click()", p.at(".made"), text)
	}
	p.fill("orderId", "all")
	p.run(p.field("gift") + ".value = '0'")
	p.run(p.field("colour") + ".value = '2'")
	p.fill("note", `</p>"`)
	p.fill("tags", `{"a": 1}`)
	p.run(button("Add to lines"))
	p.run("[..." + p.at(".made") + ".querySelectorAll('label')].filter((label) => label.textContent === 'sku').at(-1).control.value = 'B2'")
	p.run("{ const which = " + p.field("Which") + "; which.value = '0'; which.dispatchEvent(new Event('change')); }")
	p.fill("street", "Kai 1")
	p.run(button("Add parent"))
	p.click(".send [value=json]") // there and back, and no digit is lost
	p.until(p.at(".raw") + ".hidden === false")
	p.click(".send [value=form]")
	p.click(".send button:not([type])")
	// The parent is an order too, and was left empty: it is not sent, as it is not required.
	p.untilSays(".answer", "201: stored as ")
	p.choose(".connect [name=last]", "1")
	p.connect("sse", "last")
	text := evaluate[string](b, p.at(".arrivals li:not(.control) .data")+".textContent")
	if want := `{"orderId":"all","when":"2024-05-01T10:00:00Z","count":9007199254740993,"gift":true,"colour":7,"note":"</p>\"","tags":{"a":1},` +
		`"lines":[{"sku":"A1","price":{"amount":1.5,"currency":"EUR"}},{"sku":"B2"}],"ship":{"kind":"post","street":"Kai 1"},"extra":"kept"}`; text != want {
		b.Errorf("there arrived %s, want %s", text, want)
	}
	p.fill("tags", `{"a":`)
	p.click(".send button:not([type])")
	if got := p.wrong("tags"); !strings.HasPrefix(got, "is no JSON") {
		b.Errorf("tags: the form says %q", got)
	}
	p.fill("tags", "")
	p.click(".send [value=json]")
	p.until(p.at(".raw") + ".hidden === false")
	p.choose("textarea[name=json]", `{"orderId":"json","lines":[]}`)
	p.click(".send button:not([type])")
	for _, want := range []string{"/data/lines", "/data/when", "/data/ship"} {
		p.untilSays(".answer", want)
	}
	p.click(".send [value=form]")
	if got := evaluate[string](b, p.field("orderId")+".value"); got != "json" {
		b.Errorf("back in the form, orderId is %q", got)
	}
}

func tryStarts(b *tab, s *wiretest.Server) {
	b.open(s.URL + "/docs")
	p := panel{b, "orders"}
	p.choose(".connect [name=last]", "2")
	p.connect("sse", "last")
	p.untilSays(".told", "live, after 2 events of history")
	p.choose(".connect [name=after]", "zzzzzzzz-9")
	p.connect("websocket", "after")
	p.untilSays(".told", "leat.gap, reset: what came after zzzzzzzz-9 is missing")
	for _, transport := range []string{"sse", "websocket", "pages"} {
		p.choose(".connect [name=transport]", transport)
		p.choose(".connect [name=after]", "nowhere")
		p.click(".connect button:not([type])")
		p.untilState("refused")
		p.untilSays(".told", "nowhere")
	}
}

// runScripts runs the snippets of JavaScript as they stand there.
func runScripts(b *tab, s *wiretest.Server) {
	b.open(s.URL + "/docs")
	_, text := get(b.T, s.URL+"/docs")
	b.run("logged = []; console.log = (...all) => logged.push(JSON.stringify(all));")
	for _, language := range []string{"EventSource", "WebSocket"} {
		for _, script := range snippets(b.T, text, language) {
			b.run("logged.length = 0; (async () => {" + script + "\n})().catch((e) => logged.push(String(e)))")
			b.until(`logged.some((line) => /"(order.placed|said|tick|message)"|"op":"ack"/.test(line)) || logged.some((line) => line.startsWith("[201"))`)
			if said := evaluate[string](b, `logged.join("\n")`); strings.Contains(said, "rror") {
				b.Errorf("%s\nsays %s", script, said)
			}
		}
	}
}

// tryMounted uses the page of a server within another program.
func tryMounted(b *tab, s *wiretest.Server) {
	within := httptest.NewServer(http.StripPrefix("/shop", s.Leat.Handler()))
	defer within.Close()
	b.open(within.URL + "/shop/docs")
	p := panel{b, "orders"}
	for _, transport := range []string{"sse", "websocket", "pages"} {
		p.connect(transport, "latest")
		p.fill("orderId", "by "+transport)
		p.click(".send button:not([type])")
		p.untilSays(".arrivals", "by "+transport)
	}
	p.click("[name=stop]")
	p.untilState("off")
	b.open(s.URL + "/docs") // for the other to close
}

// tryRestart takes the server away; the page comes back by itself, and misses nothing.
func tryRestart(b *tab, s *wiretest.Server) {
	b.open(s.URL + "/docs")
	p := panel{b, "orders"}
	p.connect("sse", "latest")
	before := s.Publish("orders", "order.cancelled", `{"orderId":"before"}`)
	p.untilSays(".arrivals", before)
	s.Restart(func(string) { p.untilState("dropped") })
	s.Publish("orders", "order.cancelled", `{"orderId":"between"}`)
	p.untilSays(".told", "none missed")
	p.untilState("live")
	if got := p.arrived("orderId"); got != "before between" {
		b.Errorf("there arrived %s", got)
	}
}

// A contract is somebody's text: it must not become part of the page, nor break its layout.
func TestAHostileContractIsOnlyText(t *testing.T) {
	t.Cleanup(closeIdle)
	s := wiretest.Start(t, hostileContract(t))
	b := openBrowser(t)
	b.resize(360, "light")
	b.open(s.URL + "/docs")
	p := panel{b, "bad"}
	p.connect("sse", "latest")
	p.click(".send button:not([type])")
	p.untilSays(".answer", "201: stored as ")
	p.untilSays(".arrivals", "Donaudampfschiff")
	p.click(".send [value=json]")
	if hurt := evaluate[bool](b, `"hurt" in globalThis || document.querySelector("img") !== null || document.scripts.length !== 1`); hurt {
		t.Error("what the contract says has become code")
	}
	if wide := evaluate[int](b, "document.documentElement.scrollWidth"); wide > 360 {
		t.Errorf("the page is %d pixels wide on a screen of 360", wide)
	}
}

// axe-core knows what people with a screen reader, a keyboard or weak eyes stumble over.
func TestAxeFindsNothing(t *testing.T) {
	s := startShop(t)
	axe := nodetest.File(t, "axe-core/axe.min.js")
	b := openBrowser(t)
	b.resize(1280, "light")
	b.open(s.URL + "/docs")
	b.run(axe)
	check := func(width int64, scheme string) {
		found := evaluate[string](b, `axe.run().then(({ violations }) => violations.map(({ impact, id, nodes }) =>
			[impact, id, ...nodes.slice(0, 5).map(({ target, failureSummary }) => target + ": " + failureSummary)].join("\n")).join("\n"))`)
		if found != "" {
			t.Errorf("at %d pixels, %s:\n%s", width, scheme, found)
		}
		if wide := evaluate[int64](b, "document.documentElement.scrollWidth"); wide > width {
			t.Errorf("the page is %d pixels wide on a screen of %d", wide, width)
		}
	}
	check(1280, "light") // before anything was done
	p := panel{b, "orders"}
	p.connect("sse", "earliest")
	p.fill("orderId", "axe")
	p.click(".send button:not([type])")
	p.untilSays(".answer", "201: ")
	p.untilSays(".arrivals", "axe")
	p.fill("orderId", "")
	p.click(".send button:not([type])")
	p.untilSays(".answer", "422 ")
	p.click("[name=drop]")
	p.untilState("dropped")
	for _, width := range []int64{360, 768, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.resize(width, scheme)
			check(width, scheme)
		}
	}
}
