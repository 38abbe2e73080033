package lint

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Formats lists the ways in which Write can write findings: for people, for programs, for code scanning (SARIF 2.1.0),
// and for the log of a GitHub workflow, which shows them at their lines.
func Formats() []string { return []string{"text", "json", "sarif", "github"} }

// Write writes findings in one of Formats.
func Write(w io.Writer, format string, found []Finding) error {
	switch format {
	case "json":
		return writeJSON(w, jsonFindings(found))
	case "sarif":
		return writeJSON(w, sarif(found))
	case "github":
		return writeLines(w, found, github)
	}
	return writeLines(w, found, text)
}

func writeLines(w io.Writer, found []Finding, line func(Finding) string) error {
	var out strings.Builder
	for _, f := range found {
		out.WriteString(line(f))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func text(f Finding) string {
	return fmt.Sprintf("%s:%d:%d: %s: %s [%s]\n    why: %s\n    fix: %s\n",
		f.File, f.Line, f.Col, f.Rule.Severity, f.Text, f.Rule.ID, f.Rule.Reason, f.Fix)
}

// github writes a workflow command (GitHub Actions, "Workflow commands": notice, warning).
func github(f Finding) string {
	level := "warning"
	if f.Rule.Severity == Info {
		level = "notice"
	}
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	return fmt.Sprintf("::%s file=%s,line=%d,col=%d,title=%s::%s\n", level, property.Replace(f.File), f.Line, f.Col,
		property.Replace("leat lint: "+f.Rule.ID), data.Replace(f.Text+". "+f.Rule.Reason+" Fix: "+f.Fix))
}

type jsonFinding struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Column   int      `json:"column"`
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`
	Reason   string   `json:"reason"`
	Fix      string   `json:"fix"`
}

func jsonFindings(found []Finding) any {
	all := []jsonFinding{}
	for _, f := range found {
		all = append(all, jsonFinding{f.File, f.Line, f.Col, f.Rule.ID, f.Rule.Severity, f.Text, f.Rule.Reason, f.Fix})
	}
	return map[string]any{"findings": all}
}

type object = map[string]any

// sarif makes a log of SARIF 2.1.0 (OASIS), sections 3.13 and following.
func sarif(found []Finding) any {
	described := []object{}
	for _, rule := range append(Rules(), wrongIgnore) {
		described = append(described, object{
			"id": rule.ID, "shortDescription": object{"text": rule.Reason}, "defaultConfiguration": object{"level": level(rule)},
		})
	}
	results := []object{}
	for _, f := range found {
		results = append(results, object{
			"ruleId": f.Rule.ID, "level": level(f.Rule), "message": object{"text": f.Text + ". Fix: " + f.Fix},
			"locations": []object{{"physicalLocation": object{
				"artifactLocation": object{"uri": filepath.ToSlash(f.File)},
				"region":           object{"startLine": f.Line, "startColumn": f.Col},
			}}},
		})
	}
	driver := object{"name": "leat lint", "rules": described}
	return object{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0",
		// Columns count characters, as those of contract.Error.
		"runs": []object{{"tool": object{"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}},
	}
}

func level(rule *Rule) string {
	if rule.Severity == Info {
		return "note"
	}
	return "warning"
}

func writeJSON(w io.Writer, what any) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(what)
}
