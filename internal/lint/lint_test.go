package lint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leatstream/leat/internal/lint"
	"golang.org/x/tools/txtar"
)

// header makes a contract of streams alone.
const header = "leat: 1\ninfo: { title: A title, version: 1.0.0 }\nstreams:\n"

// Each rule has a file with documents that it finds, at the lines marked "# here", and with some that it must pass.
func TestRulesFindWhatTheyAreFor(t *testing.T) {
	for _, rule := range lint.Rules() {
		t.Run(rule.ID, func(t *testing.T) {
			archive, err := txtar.ParseFile(filepath.Join("testdata", rule.ID+".txtar"))
			if err != nil {
				t.Fatal(err)
			}
			finds, passes := 0, 0
			for _, document := range archive.Files {
				text := string(document.Data)
				if strings.HasPrefix(text, "  ") {
					text = header + text
				}
				var want []int
				for n, line := range strings.Split(text, "\n") {
					if strings.HasSuffix(line, "# here") {
						want = append(want, n+1)
					}
				}
				if strings.HasPrefix(document.Name, "finds") {
					finds++
				} else {
					passes++
				}
				if got := lines(t, document.Name, text, rule.ID); !slices.Equal(got, want) {
					t.Errorf("%s: found at lines %v, want %v", document.Name, got, want)
				}
			}
			if finds < 3 || passes < 3 {
				t.Errorf("%d documents to find and %d to pass, want at least 3 of each", finds, passes)
			}
		})
	}
}

// lines are those at which a rule found something, each once.
func lines(t *testing.T, file, text, rule string) []int {
	t.Helper()
	found, err := lint.Check(file, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var at []int
	for _, f := range found {
		if f.Rule.ID == rule {
			at = append(at, f.Line)
			if f.Fix == "" || f.Rule.Reason == "" {
				t.Errorf("%v: no fix or no reason", f)
			}
		}
	}
	return slices.Compact(at)
}

func TestAGoodContractHasNoFindings(t *testing.T) {
	for _, file := range []string{"testdata/good.yaml", "../demo/leat.yaml"} {
		if found := check(t, file); len(found) > 0 {
			t.Errorf("%s: %v", file, found)
		}
	}
}

func check(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found, err := lint.Check(file, text)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range found {
		all = append(all, fmt.Sprintf("%v [%s]", f.Error, f.Rule.ID))
	}
	return all
}

func TestWhatAFileRefersToIsLintedAtItsPlace(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	schema := write("order.json", `{
  "type": "object",
  "properties": {
    "rowId": { "type": "integer" }
  }
}`)
	file := write("leat.yaml", header+"  orders:\n    events:\n      order.shipped: { schema: { $ref: order.json } }\n")
	if found := check(t, file); !slices.ContainsFunc(found, func(one string) bool {
		return strings.HasPrefix(one, schema+":4:") && strings.HasSuffix(one, "[internal-id]")
	}) {
		t.Errorf("no finding at %s:4 in %q", schema, found)
	}
}

func TestCommentsIgnoreFindings(t *testing.T) {
	const contract = `leat: 1
info: { title: A title, version: 1.0.0 }
streams:
  # leat-ignore: internal-id the warehouse's own software reads it
  orders:
    events:
      order.shipped:
        schema:
          type: object
          properties:
            rowId: { type: integer }
            pk: { type: integer }
  parcels:
    events:
      parcel.sent:
        schema:
          type: object
          properties:
            rowId: { type: integer } # leat-ignore: internal-id until 2.0
            pk: { type: integer }
`
	if got := lines(t, "leat.yaml", contract, "internal-id"); !slices.Equal(got, []int{20}) {
		t.Errorf("found at lines %v, want 20 alone", got)
	}
	if got := lines(t, "leat.yaml", contract, "wrong-ignore"); got != nil {
		t.Errorf("wrong comments at lines %v, want none", got)
	}
}

func TestACommentThatIgnoresNothingIsFound(t *testing.T) {
	const contract = `leat: 1
info: { title: A title, version: 1.0.0 }
streams:
  orders: # leat-ignore: internal-ids because
    events:
      # leat-ignore: internal-id
      order.shipped: { schema: { type: object, properties: { pk: { type: integer } } } }
      # leat-ignore
      order.moved: { schema: { type: number } }
`
	if got := lines(t, "leat.yaml", contract, "wrong-ignore"); !slices.Equal(got, []int{4, 6, 8}) {
		t.Errorf("wrong comments at lines %v, want 4, 6 and 8", got)
	}
	if got := lines(t, "leat.yaml", contract, "internal-id"); !slices.Equal(got, []int{7}) {
		t.Errorf("found at lines %v, want 7: without a reason it is not ignored", got)
	}
}

func TestAWrongContractIsNotLinted(t *testing.T) {
	_, err := lint.Check("leat.yaml", []byte("leat: 1\nstreams: {}\n"))
	if err == nil || !regexp.MustCompile(`^leat.yaml:\d+:\d+: `).MatchString(err.Error()) {
		t.Errorf("error %v, want places", err)
	}
}

func FuzzCheck(f *testing.F) {
	for _, rule := range lint.Rules() {
		archive, err := txtar.ParseFile(filepath.Join("testdata", rule.ID+".txtar"))
		if err != nil {
			f.Fatal(err)
		}
		for _, document := range archive.Files {
			f.Add(document.Data)
		}
	}
	f.Fuzz(func(_ *testing.T, text []byte) {
		_, _ = lint.Check("leat.yaml", text) // ends, and without a panic
	})
}
