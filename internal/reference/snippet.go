package reference

import (
	"encoding/json"
	"go/format"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"text/template"

	"github.com/leatstream/leat/contract"
)

// A snippet shows how to use a stream, in one language.
type snippet struct{ Language, Text string }

// snipped is what the snippets of a stream are made of. Names of streams and types are safe in all of the languages.
type snipped struct {
	*contract.Stream
	At, Host, Mount string
	TLS             bool
	Stored          bool
	Room            string // a key that goes into a path, with "/" before it
	RoomKey         string
	Event, Command  said
	Service         string
}

// A said is an example to publish or to send.
type said struct{ Type, Data, Body string }

func newSaid(types []*contract.EventType) said {
	if len(types) == 0 {
		return said{}
	}
	t := types[0]
	for _, other := range types {
		if len(other.Examples) > 0 {
			t = other
			break
		}
	}
	data := "{}"
	if len(t.Examples) > 0 {
		data = string(t.Examples[0])
	}
	return said{t.Name, data, `{"type":"` + t.Name + `","data":` + data + `}`}
}

// snippets are those of a stream at a server's address, in the order in which people ask for them.
func (s *stream) snippets(address string) []snippet {
	u, err := url.Parse(address)
	if err != nil {
		u = &url.URL{} // it was made of a request that came here
	}
	data := snipped{
		Stream: s.Stream, At: address, Host: u.Host, Mount: u.Path, TLS: u.Scheme == "https", Stored: s.Durability != contract.None,
		Event: newSaid(s.Stream.Events), Command: newSaid(s.Stream.Commands), Service: s.Service,
	}
	if s.Key.Path {
		data.Room, data.RoomKey = "/room-1", "room-1"
	}
	var all []snippet
	for _, each := range snippetTemplates {
		if each.needs != "" && !s.Offers(each.needs) {
			continue
		}
		var b strings.Builder
		if err := each.template.Execute(&b, data); err != nil {
			panic(err) // of our own templates
		}
		text := strings.TrimSpace(b.String())
		if each.language == "Go" {
			text = formatted(text)
		}
		all = append(all, snippet{each.language, text})
	}
	return all
}

// formatted is a program of Go as gofmt writes it.
func formatted(program string) string {
	text, err := format.Source([]byte(program))
	if err != nil {
		panic(err) // of our own template
	}
	return string(text)
}

// WS is the address for WebSockets.
func (s snipped) WS() string { return "ws" + strings.TrimPrefix(s.At, "http") }

// SSE tells whether the stream can be read over HTTP.
func (s snipped) SSE() bool { return s.Offers(contract.SSE) }

// ClientTransport is the constant of package client that the stream needs; empty where the default will do.
func (s snipped) ClientTransport() string {
	switch {
	case s.SSE():
		return ""
	case s.Offers(contract.WebSocket):
		return "client.WebSocket"
	}
	return "client.GRPC"
}

var quoting = template.FuncMap{
	"shell":  shellText,
	"word":   shellWord,
	"goText": goText,
	"python": python,
	"js":     func(text string) string { return string(jsText(text)) },
}

// shellText is one word of a POSIX shell.
func shellText(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// shellWord is one too, with no quotes where it needs none.
func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return shellText(text)
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9._:-]+$`)

// goText is a string of Go, with no escapes where that is possible.
func goText(text string) string {
	if strconv.CanBackquote(text) {
		return "`" + text + "`"
	}
	return strconv.Quote(text)
}

func jsText(text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string is always JSON
	}
	return quoted
}

// python is JSON as Python writes it.
func python(text string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quoted && c == '\\':
			b.WriteByte(c)
			i++
			b.WriteByte(text[i])
			continue
		case c == '"':
			quoted = !quoted
		case !quoted && (c == 't' || c == 'f' || c == 'n'):
			word := map[byte]string{'t': "true", 'f': "false", 'n': "null"}[c]
			b.WriteString(map[byte]string{'t': "True", 'f': "False", 'n': "None"}[c])
			i += len(word) - 1
			continue
		}
		b.WriteByte(c)
		if !quoted && (c == ',' || c == ':') {
			b.WriteByte(' ')
		}
	}
	return b.String()
}
