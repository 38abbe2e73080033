package leat_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/leatstream/leat"
	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/node"
)

var update = flag.Bool("update", false, "write the reference tables of docs/operations.md")

func TestReferenceTellsEverySetting(t *testing.T) {
	var table strings.Builder
	table.WriteString("| Flag | Environment | Default | What |\n|---|---|---|---|\n")
	for field := range reflect.TypeFor[node.Settings]().Fields() {
		name := field.Tag.Get("name")
		flag := "--" + name
		if value := field.Tag.Get("value"); value != "" {
			flag += " " + value
		}
		fallback := "none"
		if text := field.Tag.Get("default"); text != "" {
			fallback = "`" + text + "`"
		}
		fmt.Fprintf(&table, "| `%s` | `LEAT_%s` | %s | %s |\n",
			flag, strings.ToUpper(strings.ReplaceAll(name, "-", "_")), fallback, field.Tag.Get("help"))
	}
	checkReference(t, "settings", table.String())
}

// A description, as prometheus tells it to nobody but people.
var description = regexp.MustCompile(`^Desc\{fqName: "(leat_\w+)", help: "(.*)", unit: "[^"]*", constLabels: \{\}, variableLabels: \{(.*)\}\}$`)

func TestReferenceTellsEveryMetric(t *testing.T) {
	c, err := contract.Parse("leat.yaml", []byte(clock))
	if err != nil {
		t.Fatal(err)
	}
	server, err := leat.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	descriptions := make(chan *prometheus.Desc, 1000) // more than there are
	server.Registry().Describe(descriptions)
	close(descriptions)
	rows := make(map[string]string)
	for d := range descriptions {
		if found := description.FindStringSubmatch(d.String()); found != nil {
			labels := "`" + strings.ReplaceAll(found[3], ",", "`, `") + "`"
			rows[found[1]] = fmt.Sprintf("| `%s` | %s | %s |\n", found[1], labels, found[2])
		}
	}
	table := "| Metric | Labels | What |\n|---|---|---|\n"
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		table += rows[name]
	}
	checkReference(t, "metrics", table)
}

// checkReference compares a table of docs/operations.md, or writes it.
func checkReference(t *testing.T, name, want string) {
	t.Helper()
	const file = "docs/operations.md"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	place := regexp.MustCompile(`(?s)(<!-- ` + name + `: [^\n]* -->\n)(.*?)(<!-- end -->)`)
	found := place.FindSubmatchIndex(page)
	if found == nil {
		t.Fatalf("%s has no place for %s", file, name)
	}
	if got := string(page[found[4]:found[5]]); got != want && !*update {
		t.Errorf("%s is not up to date: run go test -run Reference -update . (-page +want)\n%s", file, cmp.Diff(got, want))
	}
	if *update {
		page = slices.Concat(page[:found[4]], []byte(want), page[found[5]:])
		if err := os.WriteFile(file, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var travelRow = regexp.MustCompile("(?m)^\\| \\d+ \\| `(\\S+\\.go)` \\| `(\\w+)` \\|")

func TestHowAnEventTravelsNamesWhatIsThere(t *testing.T) {
	page, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := travelRow.FindAllStringSubmatch(string(page), -1)
	if len(rows) < 15 {
		t.Errorf("%d rows found: has the table another form now?", len(rows))
	}
	for _, row := range rows {
		source, err := os.ReadFile(row[1])
		if err != nil {
			t.Error(err)
			continue
		}
		if !regexp.MustCompile(`(?m)^func (\(.*?\) )?` + row[2] + `\(`).Match(source) {
			t.Errorf("%s has no function %s", row[1], row[2])
		}
	}
}

// A link to a page or a heading of this repository.
var link = regexp.MustCompile(`\]\(([^)#:]*)(#[^)]+)?\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "README.md", "CHANGELOG.md", "CONTRIBUTING.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(string(text), -1) {
			target := page
			if found[1] != "" {
				target = filepath.Join(filepath.Dir(page), found[1])
			}
			if content, err := os.ReadFile(target); err != nil {
				t.Errorf("%s: %v", page, err)
			} else if found[2] != "" && !slices.Contains(headings(string(content)), found[2]) {
				t.Errorf("%s: %s has no heading for %s", page, target, found[2])
			}
		}
	}
}

// headings gives the anchors of a page as GitHub makes them.
func headings(page string) []string {
	var all []string
	drop := regexp.MustCompile(`[^a-z0-9 -]`)
	for line := range strings.Lines(page) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && line[0] == '#' {
			all = append(all, "#"+strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(strings.TrimSpace(title)), ""), " ", "-"))
		}
	}
	return all
}
