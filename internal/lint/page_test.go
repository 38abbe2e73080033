package lint_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/leatstream/leat/internal/lint"
)

var update = flag.Bool("update", false, "write docs/lint.md's table anew")

func TestThePageListsTheRules(t *testing.T) {
	const page, begin, end = "../../docs/lint.md", "<!-- rules -->\n", "<!-- end of rules -->"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the rules, between %q and %q", page, begin, end)
	}
	var table strings.Builder
	table.WriteString("| Rule | Severity | Why |\n|---|---|---|\n")
	for _, rule := range lint.Rules() {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", rule.ID, rule.Severity, rule.Reason)
	}
	want := before + begin + table.String() + end + after
	if string(text) == want {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the rules say: go test ./internal/lint -update writes it", page)
	}
	if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}
