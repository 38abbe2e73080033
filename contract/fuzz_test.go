package contract_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/leatstream/leat/contract"
	"pgregory.net/rapid"
)

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/*.json", "testdata/wrong/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text, filepath.Ext(file) == ".json")
		}
	}
	located := regexp.MustCompile(`^[^:]+:[1-9][0-9]*:[1-9][0-9]*: .`)
	f.Fuzz(func(t *testing.T, text []byte, json bool) {
		file := "testdata/fuzz.yaml"
		if json {
			file = "testdata/fuzz.json"
		}
		c, err := contract.Parse(file, text)
		if err == nil {
			for _, s := range c.Streams {
				for _, e := range s.Events {
					for _, example := range e.Examples {
						data, err := contract.DecodeJSON(example)
						if err != nil {
							t.Errorf("example %s: %v", example, err)
						} else if wrong := e.Schema.Validate(data); wrong != nil {
							t.Errorf("example %s: %v", example, wrong)
						}
					}
				}
			}
			return
		}
		var wrong contract.Errors
		if !errors.As(err, &wrong) || len(wrong) == 0 {
			t.Fatalf("got %v, want Errors", err)
		}
		for _, one := range wrong {
			if !located.MatchString(one.Error()) {
				t.Errorf("no place: %q", one.Error())
			}
		}
	})
}

// One slip of the finger in a field's name is answered with the name.
func TestAFieldWithOneTypoIsAnsweredWithItsName(t *testing.T) {
	known := []string{"summary", "description", "events", "backend", "transports", "durability", "replicas", "retention",
		"heartbeat", "maxEventBytes", "access"}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(known).Draw(t, "name")
		at := rapid.IntRange(1, len(name)-2).Draw(t, "at")
		var typo string
		switch rapid.IntRange(0, 2).Draw(t, "slip") {
		case 0:
			typo = name[:at] + name[at+1:]
		case 1:
			typo = name[:at] + "q" + name[at:]
		case 2:
			typo = name[:at] + "q" + name[at+1:]
		}
		_, err := contract.Parse("inline.yaml", []byte("leat: 1\ninfo: { title: T, version: 1.0.0 }\nstreams:\n"+
			"  a:\n    events: { e: { schema: true } }\n    "+typo+": x\n"))
		want := `inline.yaml:6:5: stream "a": unknown field "` + typo + `"; did you mean "` + name + `"?`
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	})
}
