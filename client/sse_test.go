package client_test

import (
	"bytes"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leatstream/leat/client"
)

// The cases follow WHATWG HTML, "Interpreting an event stream", its examples among them.
func TestBlocksAreReadAsTheStandardSays(t *testing.T) {
	message := func(id, data string) client.Block { return client.Block{ID: id, Event: "message", Data: data} }
	for name, c := range map[string]struct {
		stream string
		want   []client.Block
	}{
		"leat's first block":                      {"retry: 2310\nid: b7k2-1041\n\n", []client.Block{{ID: "b7k2-1041", Event: "message", Retry: 2310 * time.Millisecond}}},
		"an event":                                {"event: a.b\ndata: {}\nid: b7k2-1\n\n", []client.Block{{ID: "b7k2-1", Event: "a.b", Data: "{}"}}},
		"CR LF and CR end lines":                  {"data: 1\r\n\r\ndata: 2\r\rdata: 3\n\n", []client.Block{message("", "1"), message("", "2"), message("", "3")}},
		"data over several lines":                 {"data: YHOO\ndata: +2\ndata: 10\n\n", []client.Block{message("", "YHOO\n+2\n10")}},
		"a comment is not seen":                   {": test\n\ndata: x\n\n", []client.Block{message("", ""), message("", "x")}},
		"the id stays":                            {"data: 1\nid: 1\n\ndata: 2\n\n", []client.Block{message("1", "1"), message("1", "2")}},
		"an empty id resets":                      {"data: 1\nid: 1\n\ndata: 2\nid\n\n", []client.Block{message("1", "1"), message("", "2")}},
		"one space after the colon belongs to it": {"data:a\n\ndata:  b\n\n", []client.Block{message("", "a"), message("", " b")}},
		"data without a value":                    {"data\n\ndata\r\ndata:\n\ndata:\n", []client.Block{message("", ""), message("", "\n")}}, //nolint:dupword // that is the case
		"a byte order mark is not part of it":     {"\ufeffdata: x\n\n", []client.Block{message("", "x")}},
		"a second one is":                         {"\ufeff\ufeffdata: x\n\n", []client.Block{message("", "")}},
		"an id with NUL is ignored":               {"id: a\x00b\ndata: x\n\n", []client.Block{message("", "x")}},
		"a retry that is no number is ignored":    {"retry: 1s\ndata: x\n\nretry: -1\n\n", []client.Block{message("", "x"), message("", "")}},
		"what the end cuts off is not seen":       {"data: 1\nid: 1\n\ndata: 2\nid: 2\n", []client.Block{message("1", "1")}},
		"not even right before the empty line":    {"data: 1\nid: 1\n\ndata: 2\nid: 2", []client.Block{message("1", "1")}},
		"invalid UTF-8 is replaced":               {"data: \xff\n\n", []client.Block{message("", "\ufffd")}},
		"an unknown field is ignored":             {"data2: x\ndata: y\n\n", []client.Block{message("", "y")}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := client.ReadBlocks(iotest.OneByteReader(strings.NewReader(c.stream)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("blocks of %q (-want +got):\n%s", c.stream, diff)
			}
		})
	}
}

func TestABlockIsSeenBeforeTheLineFeedOfItsLastLineEnd(t *testing.T) {
	in, out := io.Pipe()
	defer out.Close()
	go io.WriteString(out, "data: x\r\n\r") // and no more
	block, err := client.NewBlockReader(in)()
	if err != nil || block.Data != "x" {
		t.Errorf("got %v, %v: want the block x", block, err)
	}
}

func TestAnEndlessLineIsRefused(t *testing.T) {
	_, err := client.ReadBlocks(strings.NewReader("data: " + strings.Repeat("x", 5<<20)))
	if err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("got %v, want an error that names the limit", err)
	}
}

func FuzzSSE(f *testing.F) {
	f.Add([]byte("retry: 10\nid: b7k2-1\n\nevent: leat.gap\ndata: {}\nid: b7k2-2\r\n\r\n"))
	f.Add([]byte("\ufeff:\rdata\r\n\ndata: a\ndata: \xff\x00\nid: \x00\n\n"))
	f.Add([]byte("\xef\xbbdata: x\n\n\r\n\r\r\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		want := readByTheLetter(string(stream))
		for how, in := range map[string]*bytes.Reader{"whole": bytes.NewReader(stream), "byte by byte": bytes.NewReader(stream)} {
			got, err := client.ReadBlocks(in)
			if how == "byte by byte" {
				in.Reset(stream)
				got, err = client.ReadBlocks(iotest.OneByteReader(in))
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-by the letter +got):\n%s", how, diff)
			}
		}
	})
}

var (
	lineEnd = regexp.MustCompile("\r\n|\n|\r")
	digits  = regexp.MustCompile("^[0-9]+$")
)

// readByTheLetter does what the standard says in the order in which it says it, on a stream that is all there.
func readByTheLetter(stream string) []client.Block {
	stream = strings.TrimPrefix(strings.ToValidUTF8(stream, "\ufffd"), "\ufeff")
	lines := lineEnd.Split(stream, -1)
	lines = lines[:len(lines)-1] // the last has no end
	var blocks []client.Block
	id, b := "", client.Block{Event: "message"}
	for _, line := range lines {
		if line == "" {
			b.ID, b.Data = id, strings.TrimSuffix(b.Data, "\n")
			blocks = append(blocks, b)
			b = client.Block{Event: "message"}
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case name == "data":
			b.Data += value + "\n"
		case name == "event" && value == "":
			b.Event = "message"
		case name == "event":
			b.Event = value
		case name == "id" && !strings.Contains(value, "\x00"):
			id = value
		case name == "retry" && digits.MatchString(value):
			if ms, err := strconv.ParseInt(value, 10, 64); err == nil && ms <= 1<<40 {
				b.Retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
	return blocks
}
