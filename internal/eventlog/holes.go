package eventlog

import "context"

// A Hole is a stretch of sequences that the log had and has lost: it is no retention.
type Hole struct{ First, Last uint64 }

// holesIn gives what is missing between the oldest event and the newest. Nobody deletes events, so nothing is missing
// but what a disk has lost, and the list is asked for where there is something in it that is new.
func (s *Stream) holesIn(ctx context.Context, info *streamInfo) ([]Hole, error) {
	s.mu.Lock()
	missing, holes := s.missing, s.holes
	s.mu.Unlock()
	if info.State.Missing != missing {
		missing, holes = info.State.Missing, nil
		if missing > 0 {
			detailed, err := s.ask(ctx, []byte(`{"deleted_details":true}`))
			if err != nil {
				return nil, err
			}
			missing, holes = detailed.State.Missing, stretches(detailed.State.Deleted)
		}
		s.mu.Lock()
		s.missing, s.holes = missing, holes
		s.mu.Unlock()
	}
	return holes, nil
}

// stretches joins sequences, which are in order, where they are neighbours.
func stretches(sequences []uint64) (holes []Hole) {
	for _, sequence := range sequences {
		if n := len(holes); n > 0 && holes[n-1].Last+1 == sequence {
			holes[n-1].Last = sequence
			continue
		}
		holes = append(holes, Hole{sequence, sequence})
	}
	return holes
}
