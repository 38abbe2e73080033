package reference

import (
	"encoding/json"

	"github.com/leatstream/leat/contract"
	"github.com/leatstream/leat/internal/document"
)

// What the scripts of the page know of a contract; page/contract.js says the same to them.
type (
	contractFacts struct {
		Streams []streamFacts `json:"streams"`
	}
	streamFacts struct {
		Name       string               `json:"name"`
		Rooms      bool                 `json:"rooms"`  // the key is given in the path
		Keyed      bool                 `json:"keyed"`  // each event has a key
		Stored     bool                 `json:"stored"` // events have positions
		Transports []contract.Transport `json:"transports"`
		Events     []typeFacts          `json:"events"`
		Commands   []typeFacts          `json:"commands"`
	}
	typeFacts struct {
		Name     string            `json:"name"`
		Schema   document.Object   `json:"schema"`
		Examples []json.RawMessage `json:"examples"`
	}
)

func facts(c *contract.Contract) contractFacts {
	all := contractFacts{[]streamFacts{}}
	for _, s := range c.Streams {
		all.Streams = append(all.Streams, streamFacts{
			Name: s.Name, Rooms: s.Key.Path, Keyed: !s.Key.IsZero(), Stored: s.Durability != contract.None,
			Transports: s.Transports, Events: typesFacts(s.Events), Commands: typesFacts(s.Commands),
		})
	}
	return all
}

func typesFacts(types []*contract.EventType) []typeFacts {
	all := []typeFacts{}
	for _, t := range types {
		all = append(all, typeFacts{t.Name, document.Schema(t, t.Name), append([]json.RawMessage{}, t.Examples...)})
	}
	return all
}
