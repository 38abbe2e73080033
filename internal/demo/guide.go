package demo

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/leatstream/leat/internal/node"
)

var (
	headStyle  = lipgloss.NewStyle().Bold(true)
	labelStyle = lipgloss.NewStyle().Foreground(lipgloss.Cyan)
	dimStyle   = lipgloss.NewStyle().Faint(true)
)

// defaultServer is where client commands look when they are not told.
const defaultServer = "http://127.0.0.1:8080"

// printGuide says what to try at the addresses that are there.
func (d *Demo) printGuide(a node.Addresses, backend status) error {
	var text strings.Builder
	text.WriteString("\n" + headStyle.Render("The demo runs: readings of this machine, made-up orders and prices, a chat. Try") + "\n\n")
	for _, line := range d.suggestions(a, backend) {
		fmt.Fprintf(&text, "  %s  %s\n", labelStyle.Render(fmt.Sprintf("%-10s", line.label)), line.text)
	}
	text.WriteString("\n" + dimStyle.Render("Ctrl-C ends it; the next start goes on with what is in "+d.Settings.Data) + "\n")
	_, err := io.WriteString(d.Output, text.String())
	return err
}

type suggestion struct{ label, text string }

func (d *Demo) suggestions(a node.Addresses, backend status) []suggestion {
	var all []suggestion
	add := func(label, format string, args ...any) {
		all = append(all, suggestion{label, fmt.Sprintf(format, args...)})
	}
	if a.Public != "" {
		host := strings.TrimPrefix(a.Public, "http://")
		at := "" // what client commands must be told
		if a.Public != defaultServer {
			at = " --server " + a.Public
		}
		add("a browser", "%s/", a.Public)
		add("reference", "%s/docs explains every stream, and lets you try it", a.Public)
		add("live", "curl -N %s/events/orders", a.Public)
		add("history", "curl -H 'Accept: application/json' '%s/events/orders?limit=3'", a.Public)
		add("publish", `curl %s/events/orders --json '{"type":"order.cancelled","data":{"orderId":"or_1","reason":"just trying"}}'`, a.Public)
		add("typed", "%s/typed, a gRPC service over the Connect protocol", a.Public)
		add("tail", "%s tail telemetry --last 5%s", d.Command, at)
		add("websocket", "websocat ws://%s/ws/prices", host)
		add("chat", "%s/chat?room=tea in two windows, and a third voice:", a.Public)
		add("", `echo '{"type":"sendMessage","text":"Hello!"}' | websocat -n ws://%s/ws/chat/tea`, host)
		add("", `curl %s/commands/chat/tea --json '{"type":"sendMessage","data":{"text":"Hello!"}}'`, a.Public)
		add("", "%s", backend.guide())
	}
	if grpc := orElse(a.GRPC, strings.TrimPrefix(a.Public, "http://")); grpc != "" {
		add("grpc", `grpcurl -plaintext -d '{"stream":"orders","last":3}' %s leat.v1.StreamService/Subscribe`, grpc)
	}
	if a.Admin != "" {
		add("metrics", "curl %s/metrics", a.Admin)
	}
	return all
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
