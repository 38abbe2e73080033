package wheel_test

import (
	"slices"
	"testing"
	"time"

	"github.com/leatstream/leat/internal/wheel"
)

type item struct {
	name string
	seat wheel.Seat
}

func TestEachItemIsDueOnceItsTimeHasComeAndNotBefore(t *testing.T) {
	w := wheel.New(func(i *item) *wheel.Seat { return &i.seat })
	now := time.Now()
	soon, sooner, late, past, gone := &item{name: "soon"}, &item{name: "sooner"}, &item{name: "late"}, &item{name: "past"}, &item{name: "gone"}
	after := func(d time.Duration) int64 { return now.Add(d).UnixNano() }
	w.Add(gone, after(10*wheel.Tick))
	w.Add(soon, after(10*wheel.Tick))
	w.Add(sooner, after(10*wheel.Tick))
	w.Add(late, after(100*wheel.Tick))
	w.Add(past, after(-time.Hour))
	w.Remove(gone)
	w.Remove(gone) // it is out already
	due := func(after time.Duration) (names []string) {
		for _, i := range w.Due(now.Add(after)) {
			names = append(names, i.name)
		}
		slices.Sort(names)
		return names
	}
	for _, step := range []struct {
		after time.Duration
		want  []string
	}{
		{2 * wheel.Tick, []string{"past"}},
		{9 * wheel.Tick, nil},
		{12 * wheel.Tick, []string{"soon", "sooner"}},
		{13 * wheel.Tick, nil},
		{101 * wheel.Tick, []string{"late"}},
	} {
		if got := due(step.after); !slices.Equal(got, step.want) {
			t.Errorf("after %v: %v are due, want %v", step.after, got, step.want)
		}
	}
	if n := w.Slots(); n != 0 {
		t.Errorf("%d ticks have items, though all were due", n)
	}
}
