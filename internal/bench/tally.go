package bench

import "slices"

// A tally follows the sequences of one lane as one subscriber gets them. The sequences of a lane begin with 0, and
// the server has them in order: one was answered before the next was sent.
type tally struct {
	next    int    // one more than the highest seen
	missing []span // below next and not seen, in order
}

// A span is of sequences, from included and to not.
type span struct{ from, to int }

// A verdict says what one more event was.
type verdict int

const (
	inOrder verdict = iota
	outOfOrder
	duplicate
)

func (t *tally) see(sequence int) verdict {
	if sequence >= t.next {
		if sequence > t.next {
			t.missing = append(t.missing, span{t.next, sequence})
		}
		t.next = sequence + 1
		return inOrder
	}
	for i, s := range t.missing {
		if sequence < s.from || sequence >= s.to {
			continue
		}
		var left []span
		if s.from < sequence {
			left = append(left, span{s.from, sequence})
		}
		if sequence+1 < s.to {
			left = append(left, span{sequence + 1, s.to})
		}
		t.missing = slices.Replace(t.missing, i, i+1, left...)
		return outOfOrder
	}
	return duplicate
}

// lost counts what is missing of the sequences below sent, without those that the publisher got no answer for: nobody
// knows whether they were stored.
func (t *tally) lost(sent int, unanswered []int) int {
	n := 0
	for _, s := range append(slices.Clip(t.missing), span{t.next, max(sent, t.next)}) {
		n += s.to - s.from
		for _, sequence := range unanswered {
			if s.from <= sequence && sequence < s.to {
				n--
			}
		}
	}
	return n
}
