package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/charmbracelet/x/term"
	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/event"
	"github.com/spf13/cobra"
)

func newContractSchemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the contract format, for editors",
		Long: "Print the JSON Schema of the contract format. An editor with the YAML language server completes and checks a\n" +
			"contract whose first line is # yaml-language-server: $schema=leat.schema.json",
		Example: "  leat contract schema > leat.schema.json",
		Args:    checkArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(contract.FormatSchema())
			return err
		},
	}
}

// schemaFile is what leat init writes beside a contract, for editors.
const schemaFile = "leat.schema.json"

func newInitCommand() *cobra.Command {
	var first firstContract
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a first contract, after a few questions",
		Long: "Write a first contract (default leat.yaml), and beside it " + schemaFile + ", by which editors complete it. What no\n" +
			"flag tells is asked on a terminal, and else has a default. A file that is there already stays as it is.",
		Example: "  leat init\n" +
			"  leat init --title 'Orders API' --stream orders --event order.shipped --key orderId",
		Args: checkArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			file := contractFile(args)
			if _, err := os.Stat(file); err == nil {
				return &exitError{exitFailed, fmt.Errorf("%s is there already: give another name, or work on that one", file)}
			}
			if in, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(in.Fd()) {
				if err := first.ask(cmd, in); err != nil {
					return err
				}
			}
			for name, q := range first.questions() {
				if err := q.check(*q.answer); err != nil {
					return usageError(cmd, "--%s: %v", name, err)
				}
			}
			if err := first.write(file); err != nil {
				return &exitError{exitFailed, err}
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: written. Next: leat serve%s, and in another terminal\n  %s\n",
				file, strings.TrimSuffix(" "+strings.TrimPrefix(file, "leat.yaml"), " "), first.curl())
			return err
		},
	}
	for name, q := range first.questions() {
		cmd.Flags().StringVar(q.answer, name, q.fallback, q.help)
	}
	return cmd
}

// A firstContract has one stream with one type of event.
type firstContract struct{ title, stream, event, key string }

type question struct {
	answer         *string
	fallback, help string
	check          func(string) error
}

var propertyName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// order is that in which questions are asked.
var order = []string{"title", "stream", "event", "key"}

func (f *firstContract) questions() map[string]question {
	return map[string]question{
		"title": {&f.title, "Orders API", "the `NAME` of the API", func(s string) error {
			return unless(strings.TrimSpace(s) != "", "write the name of the API")
		}},
		"stream": {&f.stream, "orders", "the `NAME` of its first stream, such as orders", func(s string) error {
			return unless(regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`).MatchString(s) && s != "leat",
				"%q is no stream's name: a small letter, then small letters, digits and hyphens", s)
		}},
		"event": {&f.event, "order.shipped", "the `TYPE` of its first event, such as order.shipped", func(s string) error {
			_, err := event.ParseType(s)
			return err
		}},
		"key": {&f.key, "orderId", "the `PROPERTY` that says what an event is about (path: rooms; none: no keys)", func(s string) error {
			return unless(propertyName.MatchString(s), "%q is no name of a property: letters, digits and _", s)
		}},
	}
}

func unless(right bool, format string, args ...any) error {
	if right {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// ask puts the questions that no flag has answered, and each again until its answer is right.
func (f *firstContract) ask(cmd *cobra.Command, in io.Reader) error {
	answers := bufio.NewScanner(in)
	for _, name := range order {
		q := f.questions()[name]
		for !cmd.Flags().Changed(name) {
			cmd.Printf("%s [%s]: ", strings.ToLower(strings.ReplaceAll(q.help, "`", "")), q.fallback)
			if !answers.Scan() {
				return &exitError{exitFailed, errors.Join(errors.New("no answer: nothing was written"), answers.Err())}
			}
			if *q.answer = strings.TrimSpace(answers.Text()); *q.answer == "" {
				*q.answer = q.fallback
			}
			err := q.check(*q.answer)
			if err == nil {
				break
			}
			cmd.Println(err)
		}
	}
	return nil
}

// write writes the contract and the schema for editors.
func (f *firstContract) write(file string) error {
	if err := os.WriteFile(file, []byte(f.text()), 0o644); err != nil {
		return fmt.Errorf("the contract cannot be written: %w", err)
	}
	beside := filepath.Join(filepath.Dir(file), schemaFile)
	if _, err := os.Stat(beside); err == nil {
		return nil
	}
	if err := os.WriteFile(beside, contract.FormatSchema(), 0o644); err != nil {
		return fmt.Errorf("the schema for editors cannot be written: %w", err)
	}
	return nil
}

func (f *firstContract) text() string {
	var b strings.Builder
	title := strings.ReplaceAll(f.title, "${", "$${") // no variable of the environment
	fmt.Fprintf(&b, "# yaml-language-server: $schema=%s\nleat: 1\ninfo:\n  title: %q\n  version: 1.0.0\n\nstreams:\n", schemaFile, title)
	fmt.Fprintf(&b, "  %s: # /events/%[1]s, /ws/%[1]s, and a gRPC service\n    summary: What happens to %[1]s, as it happens\n", f.stream)
	switch f.key {
	case "path":
		b.WriteString("    key: path # rooms: the key is given in the address\n")
	case "none":
	default:
		fmt.Fprintf(&b, "    key: /%s # what an event is about: order holds per key\n", f.key)
	}
	fmt.Fprintf(&b, "    events:\n      %s:\n        summary: Say here what it means\n        schema:\n          type: object\n", f.event)
	if f.keyed() {
		fmt.Fprintf(&b, "          required: [%s, when]\n          properties:\n            %[1]s: { type: string }\n", f.key)
	} else {
		b.WriteString("          required: [when]\n          properties:\n")
	}
	fmt.Fprintf(&b, "            when: { type: string, format: date-time }\n        examples:\n          - %s\n", f.example())
	b.WriteString("    retention: { age: 72h, bytes: 1GiB } # what a client that comes back can still get\n")
	return b.String()
}

func (f *firstContract) keyed() bool { return f.key != "path" && f.key != "none" }

// example is JSON, which is YAML too.
func (f *firstContract) example() string {
	if f.keyed() {
		return fmt.Sprintf(`{ "%s": "12345", "when": "2024-05-01T10:00:00Z" }`, f.key)
	}
	return `{ "when": "2024-05-01T10:00:00Z" }`
}

func (f *firstContract) curl() string {
	return fmt.Sprintf(`curl http://127.0.0.1:8080/events/%s --json '{"type":"%s","data":%s}'`, f.stream, f.event, f.example())
}
