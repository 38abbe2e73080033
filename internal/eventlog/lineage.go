package eventlog

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/leatstream/leat/event"
)

// A Lineage is the incarnations of one stream, oldest first: each sequence belongs to one of them for good, so a
// position never names two events. It is an immutable value.
type Lineage struct {
	lives []life // never empty but in the zero Lineage; the last one is open
}

type life struct {
	Incarnation string `json:"i"`
	End         uint64 `json:"e"` // its last sequence; of the open one MaxUint64
}

// maxLives bounds the metadata. A position of a life forgotten is told as a reset, so nothing is lost silently.
const maxLives = 500

// NewLineage begins the first incarnation of a stream.
func NewLineage() Lineage {
	return Lineage{[]life{{newIncarnation(), math.MaxUint64}}}
}

// ParseLineage reads what String wrote.
func ParseLineage(text string) (Lineage, error) {
	var lives []life
	if err := json.Unmarshal([]byte(text), &lives); err != nil {
		return Lineage{}, fmt.Errorf("incarnations %q: %w", text, err)
	}
	if len(lives) == 0 {
		return Lineage{}, fmt.Errorf("incarnations %q: none", text)
	}
	for i, l := range lives {
		if _, err := event.ParsePosition(l.Incarnation + "-0"); err != nil {
			return Lineage{}, fmt.Errorf("incarnations %q: %w", text, err)
		}
		if i > 0 && l.End < lives[i-1].End {
			return Lineage{}, fmt.Errorf("incarnations %q: %s ends before the one that it follows", text, l.Incarnation)
		}
	}
	lives[len(lives)-1].End = math.MaxUint64
	return Lineage{lives}, nil
}

// String is the form kept in the stored stream's metadata.
func (l Lineage) String() string {
	text, err := json.Marshal(l.lives)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Renew ends the current incarnation at last, the newest sequence that is left, and begins another. Former
// incarnations that reached further end there too: what they stored after it is gone.
func (l Lineage) Renew(last uint64) Lineage {
	lives := make([]life, 0, len(l.lives)+1)
	for _, former := range l.lives {
		former.End = min(former.End, last)
		lives = append(lives, former)
	}
	lives = append(lives, life{newIncarnation(), math.MaxUint64})
	if len(lives) > maxLives {
		lives = lives[len(lives)-maxLives:]
	}
	return Lineage{lives}
}

// Position names a sequence by the incarnation that it was stored in.
func (l Lineage) Position(sequence uint64) event.Position {
	for _, life := range l.lives {
		if sequence <= life.End {
			return event.NewPosition(life.Incarnation, sequence)
		}
	}
	panic("eventlog: position in a lineage without an open incarnation")
}

// Locate tells where a position leads: its own sequence and no reason where it is one of this stream's; else the
// sequence to resume after and GapReset. A sequence beyond the log's last is the caller's to see. For an incarnation
// that the stream never had, the sequence is 0: just before the oldest event.
func (l Lineage) Locate(p event.Position) (sequence uint64, reason event.GapReason) {
	for _, life := range l.lives {
		if life.Incarnation != p.Incarnation() {
			continue
		}
		if p.Sequence() <= life.End {
			return p.Sequence(), ""
		}
		return life.End, event.GapReset
	}
	return 0, event.GapReset
}

// newIncarnation draws 40 random bits, in letters and digits that are hard to confuse.
func newIncarnation() string {
	return strings.ToLower(rand.Text()[:8])
}
