package bench

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
	"time"
)

// A mark is what the generator puts into each event to know it again: the run it belongs to, its lane, its sequence
// in that lane, and when it was sent. It is text of fixed width, so that it fits a string of any JSON or form, a
// publisher can write the next one over the last, and a receiver needs one search.
type mark struct {
	lane     int
	sequence int
	sent     time.Duration // since the clock of the run began
}

const (
	runWidth      = 6
	laneWidth     = 5
	sequenceWidth = 10
	sentWidth     = 16 // nanoseconds: 115 days
	markPrefix    = "leatbench."
	markWidth     = len(markPrefix) + runWidth + 1 + laneWidth + 1 + sequenceWidth + 1 + sentWidth
)

// A marker writes and finds the marks of one run; those of others, stored earlier or published by somebody else at
// the same time, are none to it.
type marker struct {
	prefix []byte
	began  time.Time
}

func newMarker() *marker {
	return &marker{prefix: []byte(markPrefix + rand.Text()[:runWidth] + "."), began: time.Now()}
}

// now is the clock of all marks: monotonic, so that setting the machine's clock shows in no latency.
func (m *marker) now() time.Duration { return time.Since(m.began) }

// write puts a mark into the first markWidth bytes of text.
func (m *marker) write(text []byte, of mark) {
	at := copy(text, m.prefix)
	at = writeNumber(text, at, laneWidth, of.lane)
	text[at] = '.'
	at = writeNumber(text, at+1, sequenceWidth, of.sequence)
	text[at] = '.'
	writeNumber(text, at+1, sentWidth, int(of.sent))
}

// find gives the mark of a message.
func (m *marker) find(message []byte) (mark, bool) {
	at := bytes.Index(message, m.prefix)
	if at < 0 || len(message)-at < markWidth {
		return mark{}, false
	}
	numbers := message[at+len(m.prefix) : at+markWidth]
	lane, ok1 := readNumber(numbers[:laneWidth])
	sequence, ok2 := readNumber(numbers[laneWidth+1 : laneWidth+1+sequenceWidth])
	sent, ok3 := readNumber(numbers[laneWidth+1+sequenceWidth+1:])
	return mark{lane, sequence, time.Duration(sent)}, ok1 && ok2 && ok3
}

func writeNumber(text []byte, at, width, n int) int {
	for i := at + width - 1; i >= at; i-- {
		text[i] = byte('0' + n%10)
		n /= 10
	}
	return at + width
}

func readNumber(text []byte) (int, bool) {
	n := 0
	for _, digit := range text {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		n = n*10 + int(digit-'0')
	}
	return n, true
}

// What a template may have beside its text.
const (
	placeMark = "{{mark}}"
	placeKey  = "{{key}}"
	placePad  = "{{pad}}"
	placeTime = "{{time}}"
)

// timeLayout is RFC 3339 of fixed width.
const timeLayout = "2006-01-02T15:04:05.000Z"

// A body is the text of one event, ready to be sent again and again: only the mark and the time change in it.
type body struct {
	text  []byte
	marks []int // where each begins
	times []int
}

// newBody fills a template; pad makes it size bytes long, where the rest leaves room.
func newBody(template, key string, size int) (body, error) {
	if !strings.Contains(template, placeMark) {
		return body{}, fmt.Errorf("the data %q has no %s: it is what a received event is known by, and may stand in any string", template, placeMark)
	}
	text := strings.ReplaceAll(template, placeKey, key)
	fixed := len(text) + strings.Count(text, placeMark)*(markWidth-len(placeMark)) +
		strings.Count(text, placeTime)*(len(timeLayout)-len(placeTime)) - strings.Count(text, placePad)*len(placePad)
	text = strings.Replace(text, placePad, strings.Repeat("x", max(size-fixed, 0)), 1)
	text = strings.ReplaceAll(text, placePad, "")
	var b body
	for len(text) > 0 {
		at := strings.Index(text, "{{")
		if at < 0 {
			at = len(text)
		}
		b.text = append(b.text, text[:at]...)
		text = text[at:]
		switch {
		case strings.HasPrefix(text, placeMark):
			b.marks = append(b.marks, len(b.text))
			b.text = append(b.text, strings.Repeat("0", markWidth)...)
			text = text[len(placeMark):]
		case strings.HasPrefix(text, placeTime):
			b.times = append(b.times, len(b.text))
			b.text = append(b.text, timeLayout...)
			text = text[len(placeTime):]
		case text != "":
			b.text = append(b.text, "{{"...)
			text = text[2:]
		}
	}
	return b, nil
}

// write sets the mark and the time of the body, in a copy of it.
func (b *body) write(text []byte, m *marker, of mark) {
	for _, at := range b.marks {
		m.write(text[at:], of)
	}
	if len(b.times) > 0 {
		now := time.Now().UTC().Format(timeLayout)
		for _, at := range b.times {
			copy(text[at:], now)
		}
	}
}
