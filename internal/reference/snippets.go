package reference

import (
	"text/template"

	"github.com/leatstream/leat/contract"
)

var snippetTemplates = []struct {
	language string
	needs    contract.Transport // none where empty
	template *template.Template
}{
	{"curl", "", parseSnippet(curlText)},
	{"EventSource", contract.SSE, parseSnippet(eventSourceText)},
	{"WebSocket", contract.WebSocket, parseSnippet(webSocketText)},
	{"Go", "", parseSnippet(goProgram)},
	{"Python", contract.SSE, parseSnippet(pythonText)},
	{"grpcurl", contract.GRPC, parseSnippet(grpcurlText)},
}

func parseSnippet(text string) *template.Template {
	return template.Must(template.New("").Funcs(quoting).Parse(text))
}

const curlText = `
{{- if .SSE}}# Subscribe, until Ctrl-C
curl -N {{printf "%s/events/%s%s" .At .Name .Room | shell}}
{{if .Stored}}
# Begin with the last ten events; after=POSITION goes on where one was
curl -N {{printf "%s/events/%s%s?last=10" .At .Name .Room | shell}}

# A page of history
curl -H 'Accept: application/json' {{printf "%s/events/%s%s?limit=10" .At .Name .Room | shell}}
{{end}}
{{end}}# Publish
curl {{printf "%s/events/%s%s" .At .Name .Room | shell}} \
  -H 'Content-Type: application/json' \
  -d {{shell .Event.Body}}
{{if .Command.Type}}
# Send a command
curl {{printf "%s/commands/%s%s" .At .Name .Room | shell}} \
  -H 'Content-Type: application/json' \
  -d {{shell .Command.Body}}
{{end}}`

const eventSourceText = `
const source = new EventSource({{printf "%s/events/%s%s" .At .Name .Room | js}});
{{- range .EventNames}}
source.addEventListener({{js .}}, (e) => console.log(e.type, e.lastEventId, JSON.parse(e.data)));
{{- end}}
{{- if .Stored}}

// When the connection breaks, the browser comes back with the last id that it saw,
// and gets every event since. What is no longer there is told:
source.addEventListener("leat.gap", (e) => console.log("missing", JSON.parse(e.data)));
{{- end}}

// Publish
const answer = await fetch({{printf "%s/events/%s%s" .At .Name .Room | js}}, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({{.Event.Body}}),
});
console.log(answer.status, await answer.json());
`

const webSocketText = `
const socket = new WebSocket({{printf "%s/ws" .WS | js}}, "leat.v1");
socket.onopen = () => {
  const say = (message) => socket.send(JSON.stringify(message));
  say({ op: "subscribe", ref: 1, stream: {{js .Name}}{{if .RoomKey}}, key: {{js .RoomKey}}{{end}}{{if .Stored}}, last: 10{{end}} });
{{- if .Command.Type}}
  say({ op: "command", ref: 2, stream: {{js .Name}}{{if .RoomKey}}, key: {{js .RoomKey}}{{end}}, type: {{js .Command.Type}}, data: {{.Command.Data}} });
{{- else}}
  say({ op: "publish", ref: 2, stream: {{js .Name}}{{if .RoomKey}}, key: {{js .RoomKey}}{{end}}, type: {{js .Event.Type}}, data: {{.Event.Data}} });
{{- end}}
};
socket.onmessage = (e) => {
  const message = JSON.parse(e.data);
  if (message.op === "event") console.log(message.type, {{if .Stored}}message.id, {{end}}message.data);
  else console.log(message);
};
{{- if .Stored}}
// To go on after a break, subscribe with after: the id of the last event seen.
{{- end}}
`

const goProgram = `
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"

	"github.com/leatstream/leat/client"
)

func main() {
	ctx := context.Background()
	c, err := client.New({{printf "%q" .At}})
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Publish(ctx, {{printf "%q" .Name}}, client.Event{
		Type: {{printf "%q" .Event.Type}},{{if .RoomKey}}
		Key:  {{printf "%q" .RoomKey}},{{end}}
		Data: json.RawMessage({{goText .Event.Data}}),
	})
	if err != nil {
		log.Fatal(err)
	}
	// It follows across lost connections.
	for e, err := range c.Subscribe(ctx, client.Subscription{
		Stream: {{printf "%q" .Name}},{{if .RoomKey}}
		Key: {{printf "%q" .RoomKey}},{{end}}{{if .Stored}}
		After: "earliest",{{end}}{{if .ClientTransport}}
		Transport: {{.ClientTransport}},{{end}}
	}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Position, e.Type, string(e.Data))
	}
}
`

const pythonText = `
import json
import urllib.request

url = {{printf "%s/events/%s%s" .At .Name .Room | js}}

# Publish
body = json.dumps({{python .Event.Body}})
request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
with urllib.request.urlopen(request) as answer:
    print(answer.status, json.load(answer))

# Subscribe: one event a line
request = urllib.request.Request(url{{if .Stored}} + "?last=10"{{end}}, headers={"Accept": "application/x-ndjson"})
with urllib.request.urlopen(request) as lines:
    for line in lines:
        event = json.loads(line)
        print({{if .Stored}}event["id"], {{end}}event["type"], event["data"])
`

const grpcurlText = `
{{- if .Service}}# Real fields, made of the contract
grpcurl {{if not .TLS}}-plaintext {{end}}{{word .Host}} describe {{.Service}}
grpcurl {{if not .TLS}}-plaintext {{end}}-d '{{"{"}}{{if .RoomKey}}"key": "{{.RoomKey}}"{{if .Stored}}, {{end}}{{end}}{{if .Stored}}"last": 10{{end}}}' {{word .Host}} {{.Service}}/Subscribe

# The .proto, to generate clients of
curl -O {{printf "%s/protos/%s/v1/%s.proto" .At .Name .Name | shell}}

{{end}}# Any stream, with data as JSON in bytes
grpcurl {{if not .TLS}}-plaintext {{end}}-d '{"stream": "{{.Name}}"{{if .RoomKey}}, "key": "{{.RoomKey}}"{{end}}{{if .Stored}}, "last": 10{{end}}}' {{word .Host}} leat.v1.StreamService/Subscribe
`
