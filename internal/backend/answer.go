package backend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/leatstream/leat/event"
	"github.com/leatstream/leat/internal/ingest"
	"github.com/leatstream/leat/internal/problem"
)

// answerBody is what a backend answers with 200.
type answerBody struct {
	Reply []struct {
		Type string         `json:"type"`
		Data jsontext.Value `json:"data"`
	} `json:"reply"`
	Publish []struct {
		Type string         `json:"type"`
		Key  *string        `json:"key"`
		Data jsontext.Value `json:"data"`
	} `json:"publish"`
}

// decodeAnswer reads the body of a backend's 200. An empty one is as good as a 204.
func decodeAnswer(body []byte) (Answer, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return Answer{}, nil
	}
	var in *answerBody // nil from null, which is no answer
	if err := json.Unmarshal(body, &in, json.RejectUnknownMembers(true)); err != nil {
		return Answer{}, notAnAnswer(err)
	}
	if in == nil {
		return Answer{}, notAnAnswer(&json.SemanticError{JSONKind: 'n'})
	}
	var a Answer
	for _, r := range in.Reply {
		a.Reply = append(a.Reply, Reply{r.Type, r.Data})
	}
	for _, p := range in.Publish {
		a.Publish = append(a.Publish, Publication{p.Type, p.Key, p.Data})
	}
	return a, nil
}

const answerForm = `{"reply":[{"type":…,"data":…}],"publish":[{"type":…,"key":…,"data":…}]}`

func notAnAnswer(err error) error {
	var wrong *json.SemanticError
	what := problem.From(ingest.NotJSON("its body", err)).Detail
	switch {
	case errors.As(err, &wrong) && errors.Is(err, json.ErrUnknownName):
		what = fmt.Sprintf("%q is no member of it", wrong.JSONPointer)
	case wrong != nil && wrong.JSONPointer == "":
		what = fmt.Sprintf("it is %s, not an object", kindName(wrong.JSONKind))
	case wrong != nil:
		what = fmt.Sprintf("%q cannot be %s", wrong.JSONPointer, kindName(wrong.JSONKind))
	}
	return problem.New(problem.BackendFailed, "the backend may have handled the command, but its answer is not of the form %s: %s",
		answerForm, what).Because(err)
}

// kindName is what a value of JSON is, for errors.
func kindName(k jsontext.Kind) string {
	switch k {
	case '[':
		return "an array"
	case '{':
		return "an object"
	case '"':
		return "a string"
	case '0':
		return "a number"
	}
	return k.String() // null, true and false
}

// publishWithin bounds what becomes of the events of an answer: the backend has done its part, and its timeout is none of
// the event log's.
const publishWithin = 30 * time.Second

// bring checks all of an answer, publishes what is for everyone, and gives the replies. key is the command's.
func (s *stream) bring(ctx context.Context, a Answer, key event.Key) ([]Reply, error) {
	replies, events, err := s.checkAnswer(a, key)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishWithin)
	defer cancel()
	switch len(events) {
	case 0:
	case 1:
		_, err = s.backends.ingest.Publish(ctx, s.Name, events[0], ingest.Options{})
	default:
		_, err = s.backends.ingest.PublishAll(ctx, s.Name, events, ingest.Options{})
	}
	if err != nil {
		// Kind and wait are the log's; its advice is for publishers.
		told := *problem.From(err)
		told.Detail = "the backend has handled the command, but what it published may not have been stored"
		return nil, told.Because(err)
	}
	return replies, nil
}

// maxPlaces bounds what is listed of an answer that is wrong.
const maxPlaces = 100

// checkAnswer gives what an answer has where all of it is as the contract says.
func (s *stream) checkAnswer(a Answer, key event.Key) ([]Reply, []ingest.Event, error) {
	var wrong []problem.Violation
	replies := make([]Reply, len(a.Reply))
	for i, r := range a.Reply {
		data, err := s.events.CheckData(ingest.Event{Type: r.Type, Data: r.Data})
		if err != nil {
			wrong = append(wrong, places(fmt.Sprintf("/reply/%d", i), err)...)
		}
		replies[i] = Reply{r.Type, data}
	}
	events := make([]ingest.Event, len(a.Publish))
	for i, p := range a.Publish {
		events[i] = ingest.Event{Type: p.Type, Key: p.Key, Data: p.Data}
		if p.Key == nil && s.Key.Path && !key.IsZero() {
			text := key.String()
			events[i].Key = &text
		}
		if _, err := s.events.Check(events[i], event.Key{}); err != nil {
			wrong = append(wrong, places(fmt.Sprintf("/publish/%d", i), err)...)
		}
	}
	if len(events) > ingest.MaxEvents {
		wrong = []problem.Violation{{Pointer: "/publish", Detail: fmt.Sprintf("has %d events, and an answer has at most %d", len(events), ingest.MaxEvents)}}
	}
	if len(wrong) == 0 {
		return replies, events, nil
	}
	err := problem.New(problem.BackendFailed, "the backend may have handled the command, but its answer is not what the contract says, "+
		"and nothing of it was published: %s %s", wrong[0].Pointer, wrong[0].Detail)
	if len(wrong) > 1 {
		err.Detail += fmt.Sprintf(" (one of %d places)", len(wrong))
	}
	err.Violations = wrong[:min(len(wrong), maxPlaces)]
	return nil, nil, err
}

// places gives what is wrong with a part of an answer, by pointers into the answer.
func places(part string, err error) []problem.Violation {
	p := problem.From(err)
	if len(p.Violations) == 0 {
		return []problem.Violation{{Pointer: part, Detail: "is not taken: " + p.Detail}}
	}
	found := make([]problem.Violation, len(p.Violations))
	for i, v := range p.Violations {
		found[i] = problem.Violation{Pointer: part + v.Pointer, Detail: v.Detail}
	}
	return found
}
