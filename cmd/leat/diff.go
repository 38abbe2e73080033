package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/typed"
	"github.com/spf13/cobra"
)

func newContractDiffCommand() *cobra.Command {
	format := "text"
	cmd := &cobra.Command{
		Use:   "diff OLD [NEW]",
		Short: "Say what a new version of a contract (default leat.yaml) breaks",
		Long: "Say what differs between two versions of a contract, event by event, whom it breaks (consumers, who subscribe; producers,\n" +
			"who publish and send commands), and which version it asks for. OLD is a file, a git revision in which to look for NEW, or\n" +
			"REVISION:PATH. The exit status is 1 where something breaks, and 3 where a contract is wrong or missing.",
		Example: "  leat contract diff HEAD\n" +
			"  leat contract diff v1.2.0 orders.yaml\n" +
			"  leat contract diff origin/main:api/leat.yaml api/leat.yaml\n" +
			"  leat contract diff old.yaml new.yaml --format json",
		Args: checkArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return usageError(cmd, "--format: %q is not text or json", format)
			}
			file := contractFile(args[1:])
			old, err := loadOld(cmd.Context(), args[0], file)
			if err != nil {
				return &exitError{exitContract, err}
			}
			now, _, err := readWith(file, os.ReadFile)
			if err != nil {
				return &exitError{exitContract, err}
			}
			changes := contract.Compare(old, now)
			changes.List = append(changes.List, typedChanges(old, now)...)
			if err := printChanges(cmd.OutOrStdout(), file, changes, format == "json"); err != nil {
				return err
			}
			if changes.Breaking() {
				return &exitError{code: exitFailed}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", format, "print `text` or json")
	return cmd
}

// typedChanges lists what would change for clients that were generated from the protobuf service of the old version.
func typedChanges(old, now *contract.Contract) []contract.Change {
	wrong := typed.Breaks(old, now)
	changes := make([]contract.Change, len(wrong))
	for i, e := range wrong {
		changes[i] = contract.Change{Text: "typed gRPC: " + e.Text, File: e.File, Line: e.Line, Col: e.Col,
			Breaks: contract.Consumers | contract.Producers, Bump: contract.Major}
	}
	return changes
}

func printChanges(out io.Writer, file string, changes contract.Changes, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(newDiffReport(changes))
	}
	var text strings.Builder
	for _, c := range changes.List {
		style := dimStyle
		if c.Breaking() {
			style = warnStyle
		}
		text.WriteString(style.Render(printable(c.String())) + "\n")
	}
	text.WriteString(file + ": " + conclusion(changes) + "\n")
	_, err := io.WriteString(plainUnlessWanted(out), text.String())
	return err
}

// conclusion is the verdict, and what the version has to say of it.
func conclusion(changes contract.Changes) string {
	breaking := 0
	for _, c := range changes.List {
		if c.Breaking() {
			breaking++
		}
	}
	switch {
	case len(changes.List) == 0:
		return "unchanged"
	case breaking == 0:
		return fmt.Sprintf("compatible, %s; %s", count(len(changes.List), "change"), versions(changes))
	}
	return fmt.Sprintf("breaking, %d of %s; %s", breaking, count(len(changes.List), "change"), versions(changes))
}

func versions(changes contract.Changes) string {
	asked := fmt.Sprintf("at least %s (%s)", changes.Wants(), changes.Bump())
	if changes.Enough() {
		return fmt.Sprintf("after %s that asks for %s, and %s is enough", changes.From, asked, changes.To)
	}
	return fmt.Sprintf("after %s that asks for %s: %s is not enough", changes.From, asked, changes.To)
}

// A diffReport is what a program reads.
type diffReport struct {
	Verdict string       `json:"verdict"` // breaking, compatible or unchanged
	From    string       `json:"from"`
	To      string       `json:"to"`
	Bump    string       `json:"bump"`
	Wants   string       `json:"wants"`
	Enough  bool         `json:"enough"`
	Changes []diffChange `json:"changes"`
}

type diffChange struct {
	Stream   string   `json:"stream,omitempty"`
	Event    string   `json:"event,omitempty"`
	Command  string   `json:"command,omitempty"`
	Pointer  string   `json:"pointer,omitempty"`
	Text     string   `json:"text"`
	Breaking bool     `json:"breaking"`
	Breaks   []string `json:"breaks"`
	Bump     string   `json:"bump"`
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Col      int      `json:"col"`
}

func newDiffReport(changes contract.Changes) diffReport {
	r := diffReport{Verdict: "compatible", From: changes.From, To: changes.To, Bump: changes.Bump().String(), Wants: changes.Wants(),
		Enough: changes.Enough(), Changes: []diffChange{}}
	switch {
	case changes.Breaking():
		r.Verdict = "breaking"
	case len(changes.List) == 0:
		r.Verdict = "unchanged"
	}
	for _, c := range changes.List {
		breaks := []string{}
		for _, audience := range []contract.Audience{contract.Consumers, contract.Producers} {
			if c.Breaks&audience != 0 {
				breaks = append(breaks, audience.String())
			}
		}
		r.Changes = append(r.Changes, diffChange{c.Stream, c.Event, c.Command, c.Pointer, c.Text, c.Breaking(), breaks, c.Bump.String(),
			c.File, c.Line, c.Col})
	}
	return r
}
