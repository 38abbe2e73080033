package sse_test

import "strings"

// A message is what a browser dispatches.
type message struct{ Type, Data, ID string }

// parseEventStream interprets an event stream to the letter of WHATWG HTML, section "Interpreting an event stream".
func parseEventStream(text string) []message {
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	lines := strings.Split(text, "\n")
	var messages []message
	var data, eventType, lastID, id string
	for _, line := range lines[:len(lines)-1] { // what no line end follows is not interpreted
		if line == "" {
			lastID = id
			if data != "" {
				if eventType == "" {
					eventType = "message"
				}
				messages = append(messages, message{eventType, strings.TrimSuffix(data, "\n"), lastID})
			}
			data, eventType = "", ""
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			eventType = value
		case "data":
			data += value + "\n"
		case "id":
			if !strings.Contains(value, "\x00") {
				id = value
			}
		}
	}
	return messages
}
