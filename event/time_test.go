package event_test

import (
	"strings"
	"testing"
	"time"

	"github.com/leatstream/leat/event"
)

func TestATimeIsOfRFC3339AndNothingElse(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2024-05-01T10:00:00Z":                time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC),
		"2024-05-01t10:00:00z":                time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC), // section 5.6, NOTE
		"2024-05-01T12:00:00.123456789+02:00": time.Date(2024, 5, 1, 10, 0, 0, 123456789, time.UTC),
		"2024-05-01T00:30:00-00:30":           time.Date(2024, 5, 1, 1, 0, 0, 0, time.UTC),
		"2024-02-29T23:59:59.9-00:00":         time.Date(2024, 2, 29, 23, 59, 59, 900_000_000, time.UTC),
	} {
		got, err := event.ParseTime(text)
		if err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "yesterday", "2024-05-01", "2024-05-01T10:00:00", "2024-05-01 10:00:00Z", "2024-05-01T10:00Z",
		"2024-05-01T10:00:00,5Z", // ISO 8601, which Go's time.Parse takes
		"2024-05-01T9:00:00Z",    // time.Parse takes it too
		"2024-05-01T24:00:00Z", "2024-05-01T10:60:00Z", "2024-02-30T10:00:00Z", "2023-02-29T10:00:00Z",
		"2024-05-01T10:00:00.Z", "2024-05-01T10:00:00+24:00", "2024-05-01T10:00:00+00:60", "2024-05-01T10:00:00+02",
		"2024-05-01T10:00:00+0200", "2024-05-01T10:00:00 02:00", "24-05-01T10:00:00Z", "12024-05-01T10:00:00Z",
		" 2024-05-01T10:00:00Z", "2024-05-01T10:00:00Z\n", strings.Repeat("2", 10_000),
	} {
		got, err := event.ParseTime(text)
		if err == nil {
			t.Errorf("%q is taken as %v", text, got)
		} else if !strings.Contains(err.Error(), "such as 2024-05-01T10:00:00Z") || len(err.Error()) > 300 {
			t.Errorf("%.100q: %v", text, err)
		}
	}
}
