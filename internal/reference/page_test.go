package reference_test

import (
	"fmt"
	"go/format"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/demo"
	"github.com/leatstream/leat/internal/nodetest"
	"github.com/leatstream/leat/internal/reference"
	"github.com/leatstream/leat/internal/typed"
)

// hostile is what a contract would say that wants to be more than a text.
const hostile = `</script></title></textarea><script>hurt=1</script><img src=x onerror="hurt=1">'"` + "`${hurt=1}{{.}}\u202e"

// hostileContract says it wherever a contract can say anything, and in words that have no end.
func hostileContract(t *testing.T) string {
	t.Helper()
	quoted := `'` + strings.ReplaceAll(strings.ReplaceAll(hostile, "'", "''"), "${", "$${") + strings.Repeat("Donaudampfschiff", 40) + `'`
	return strings.ReplaceAll(`
leat: 1
info: { title: TEXT, version: 1.0.0, description: TEXT, contact: { name: TEXT }, license: { name: TEXT } }
streams:
  bad:
    summary: TEXT
    description: TEXT
    durability: memory
    transports: [sse, websocket]
    events:
      evil:
        summary: TEXT
        description: TEXT
        schema:
          type: object
          title: TEXT
          description: TEXT
          properties:
            TEXT: { type: string, description: TEXT, default: TEXT }
            list: { enum: [TEXT] }
            choice: { oneOf: [{ title: TEXT, type: object, properties: { a: { const: TEXT } } }, { type: integer }] }
        examples: [{ TEXT: TEXT, list: TEXT, choice: { a: TEXT } }]
`, "TEXT", quoted)
}

func TestEveryContractHasAPage(t *testing.T) {
	contracts := map[string]*contract.Contract{}
	files, err := filepath.Glob("../*/testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../../*/testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, more...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "\nleat: 1") && !strings.HasPrefix(string(text), "leat: 1") {
			continue // no contract
		}
		if contracts[file], err = contract.Load(file); err != nil {
			t.Fatal(err)
		}
	}
	if len(contracts) < 4 {
		t.Errorf("only %d contracts found", len(contracts))
	}
	if contracts["demo"], err = demo.Contract(); err != nil {
		t.Fatal(err)
	}
	contracts["shop"], contracts["hostile"] = parse(t, shop), parse(t, hostileContract(t))
	contracts["names"] = parse(t, `{ leat: 1, info: { title: T, version: 1.0.0 }, streams: {
		orders: { events: { e: { schema: true } } }, orders-title: { events: { e: { schema: true } } }, about: { events: { e: { schema: true } } },
		content: { events: { e: { schema: true } } }, told: { events: { e: { schema: true } } }, copied: { events: { e: { schema: true } } } } }`)
	for name, c := range contracts {
		t.Run(name, func(t *testing.T) {
			text := page(t, c)
			root, err := html.Parse(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			wantSound(t, c, root)
		})
	}
}

func parse(t *testing.T, text string) *contract.Contract {
	t.Helper()
	c, err := contract.Parse("leat.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func page(t *testing.T, c *contract.Contract) string {
	t.Helper()
	api, err := typed.Build(c, &typed.Lock{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := reference.New(c, api)
	if err != nil {
		t.Fatal(err)
	}
	text, err := r.HTML("https://api.example.org:8443/live")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wantSound checks that a page has nothing that its policy forbids, leads nowhere that is not there, and has a place for
// all that the contract declares.
func wantSound(t *testing.T, c *contract.Contract, root *html.Node) {
	t.Helper()
	ids, targets, scripts := map[string]int{}, []string{}, 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script":
			scripts++
		case "style", "img", "iframe", "object", "base":
			t.Errorf("the page has <%s>", n.Data)
		}
		for _, a := range n.Attr {
			switch {
			case a.Key == "id":
				ids[a.Val]++
			case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
				t.Errorf("<%s> has %s=%q, which the policy forbids", n.Data, a.Key, a.Val)
			case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
				targets = append(targets, a.Val[1:])
			case a.Key == "href" && strings.HasPrefix(strings.ToLower(a.Val), "javascript"):
				t.Errorf("a link runs %s", a.Val)
			}
		}
	}
	if scripts != 1 {
		t.Errorf("%d scripts, want the page's own", scripts)
	}
	for id, n := range ids {
		if n > 1 {
			t.Errorf("%d elements have the id %q", n, id)
		}
	}
	for _, s := range c.Streams {
		targets = append(targets, s.Name)
		for _, name := range append(s.EventNames(), s.CommandNames()...) {
			targets = append(targets, s.Name+"/"+name)
		}
	}
	for _, target := range targets {
		if ids[target] == 0 {
			t.Errorf("nothing has the id %q", target)
		}
	}
}

func TestThePageSaysWhatIsPromised(t *testing.T) {
	text := page(t, parse(t, shop))
	for _, want := range []string{
		"Shop", "1.2.3", "<p class=\"prose\" dir=\"auto\">First.</p>", `href="https://example.org/ask"`, `href="mailto:ask@example.org"`,
		"what /orderId in its data names", "The last 24 hours, at most 1 GiB", "No connection is silent for longer than 15 seconds",
		"it is live only, with no positions", "In memory.", "64 KiB of data", "at least 1 character", "at most 40 characters", "at least 1 item<", "string or null", "any other member", "one of these, 2", `href="schemas/orders/order.placed"`,
		"always collect", "one of red, blue, 7", "as the whole", "deprecated", `href="openapi.yaml?version=3.2"`, `href="protos/orders/v1/orders.proto"`,
		"https://api.example.org:8443/live/events/orders", "wss://api.example.org:8443/live/ws", "grpcurl -d &#39;{&#34;last&#34;: 10}&#39; api.example.org:8443 orders.v1.OrdersService/Subscribe",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
}

// A schema of a few lines can describe more than a page can hold.
func TestASchemaWithoutEndHasARowForEachThingThatIsNew(t *testing.T) {
	definitions := ""
	for i := range 30 {
		definitions += fmt.Sprintf(`d%d: { type: object, properties: { x: { $ref: "#/$defs/d%[2]d" }, y: { $ref: "#/$defs/d%[2]d" } } }, `, i, i+1)
	}
	text := page(t, parse(t, `
leat: 1
info: { title: T, version: 1.0.0 }
streams:
  trees:
    transports: [sse]
    events:
      grown: { schema: { $ref: "#/$defs/tree", $defs: { tree: { type: object, properties: { left: { $ref: "#/$defs/tree" }, size: { type: integer } } } } } }
      burst: { schema: { $ref: "#/$defs/d0", $defs: { `+definitions+`d30: true } } }
`))
	if n := strings.Count(text, `<code class="name">left</code>`); n != 1 {
		t.Errorf("left is described %d times, want once", n)
	}
	if len(text) > 1<<20 {
		t.Errorf("the page has %d bytes", len(text))
	}
	if !strings.Contains(text, "and more: see its JSON Schema") {
		t.Error("the page does not say that there is more")
	}
}

func TestTheProgramsInGoAreFormatted(t *testing.T) {
	for _, code := range snippets(t, page(t, parse(t, shop)), "Go") {
		formatted, err := format.Source([]byte(code))
		if err != nil || strings.TrimSpace(string(formatted)) != strings.TrimSpace(code) {
			t.Errorf("%v, or gofmt wants\n%s\nof\n%s", err, formatted, code)
		}
	}
}

// snippets gives the snippets of a language, as one would copy them.
func snippets(t *testing.T, text, language string) []string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			if a.Key == "data-language" && a.Val == language {
				all = append(all, n.FirstChild.FirstChild.Data)
			}
		}
	}
	if len(all) == 0 {
		t.Fatalf("no snippet of %s", language)
	}
	return all
}

func TestTypeScriptFindsNothingInTheScripts(t *testing.T) {
	modules, err := filepath.Glob("page/*.js")
	if err != nil || len(modules) == 0 {
		t.Fatal(err)
	}
	for i, module := range modules {
		if modules[i], err = filepath.Abs(module); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(module)
		if err != nil || !strings.HasPrefix(string(text), "// @ts-check\n") {
			t.Errorf("%s: %v, or it does not begin with // @ts-check", module, err)
		}
		if unsafe := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function`).Find(text); unsafe != nil {
			t.Errorf("%s makes code of texts: %s", module, unsafe)
		}
	}
	nodetest.Check(t, modules...)
}

func TestEveryLinkOfThePageLeadsSomewhere(t *testing.T) {
	s := startShop(t)
	response, text := get(t, s.URL+"/docs")
	if response.StatusCode != http.StatusOK {
		t.Fatalf("/docs: %s", response.Status)
	}
	found := regexp.MustCompile(`(?:href|src)="([a-z][^":]*)"`).FindAllStringSubmatch(text, -1)
	if len(found) < 15 {
		t.Errorf("only %d links", len(found))
	}
	for _, link := range append(found, []string{"", "docs/contract.json"}) {
		response, _ := get(t, s.URL+"/"+html.UnescapeString(link[1]))
		if response.StatusCode != http.StatusOK || response.Header.Get("ETag") == "" {
			t.Errorf("%s: %s, ETag %q", link[1], response.Status, response.Header.Get("ETag"))
		}
	}
}
