package node_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/leatstream/leat/internal/node"
	"github.com/spf13/pflag"
)

var defaults = node.Settings{
	Listen: "127.0.0.1:8080", ListenAdmin: "127.0.0.1:8081", ListenGRPC: "127.0.0.1:8082",
	Data: "./leat-data", Drain: 20 * time.Second, AllowOrigin: []node.Origin{},
}

func TestAFlagWinsOverTheEnvironmentAndThatOverTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "node.yaml")
	if err := os.WriteFile(file, []byte("# a comment\ndrain: 3s\nallow-origin: [http://a, http://b]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, flags string
		environment []string
		change      func(*node.Settings)
		drainFrom   string
	}{
		{name: "nothing given", change: func(*node.Settings) {}, drainFrom: "default"},
		{
			name: "file", flags: "--config " + file, drainFrom: file + ":2",
			change: func(s *node.Settings) {
				s.Drain = 3 * time.Second
				s.AllowOrigin = []node.Origin{"http://a", "http://b"}
			},
		},
		{
			name: "file named in the environment, and a variable", environment: []string{"LEAT_CONFIG=" + file, "LEAT_DRAIN=4s"},
			drainFrom: "environment LEAT_DRAIN",
			change: func(s *node.Settings) {
				s.Drain = 4 * time.Second
				s.AllowOrigin = []node.Origin{"http://a", "http://b"}
			},
		},
		{
			name: "all", flags: "--drain 0s --allow-origin http://d,http://e --allow-origin=http://f --allow-anonymous --config " + file,
			environment: []string{"LEAT_DRAIN=4s", "LEAT_ALLOW_ORIGIN=http://c", "LEAT_ALLOW_ANONYMOUS=false"},
			drainFrom:   "flag --drain",
			change: func(s *node.Settings) {
				s.Drain, s.AllowAnonymous, s.AllowOrigin = 0, true, []node.Origin{"http://d", "http://e", "http://f"}
			},
		},
		{
			name: "variables", environment: []string{"LEAT_LISTEN_GRPC=off", "LEAT_ALLOW_ORIGIN=http://c, http://d", "LEAT_DATA="},
			drainFrom: "default",
			change:    func(s *node.Settings) { s.ListenGRPC, s.AllowOrigin = node.Off, []node.Origin{"http://c", "http://d"} },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			loaded, err := node.Load(parse(t, test.flags), test.environment)
			if err != nil {
				t.Fatal(err)
			}
			want := defaults
			test.change(&want)
			if diff := cmp.Diff(want, loaded.Settings); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
			for _, value := range loaded.Values {
				if value.Name == "drain" && value.Source != test.drainFrom {
					t.Errorf("drain is said to come from %q, want %q", value.Source, test.drainFrom)
				}
			}
		})
	}
}

func TestAWrongValueIsToldWithItsSource(t *testing.T) {
	for _, test := range []struct{ flags, variable, want string }{
		{"--listen 8080", "", `flag --listen: "8080" is no address`},
		{"--listen 127.0.0.1:http", "", `flag --listen: "127.0.0.1:http" is no address`},
		{"--listen 127.0.0.1:65536", "", `"127.0.0.1:65536" is no address`},
		{"--drain -1s", "", `flag --drain: "-1s" is no duration`},
		{"--drain 20", "", `flag --drain: "20" is no duration`},
		{"--data=", "", "flag --data: it cannot be empty"},
		{"", "LEAT_ALLOW_ANONYMOUS=si", `environment LEAT_ALLOW_ANONYMOUS: "si" is neither true nor false`},
		{"", "LEAT_ALLOW_ORIGIN=example.com", `environment LEAT_ALLOW_ORIGIN: "example.com" is no origin`},
		{"--allow-origin https://example.com/path", "", "is no origin"},
		{"--allow-origin ftp://example.com", "", "is no origin"},
		{"--config none.yaml", "", "flag --config: open none.yaml"},
		{"", "LEAT_CONFIG=none.yaml", "environment LEAT_CONFIG: open none.yaml"},
	} {
		_, err := node.Load(parse(t, test.flags), []string{test.variable})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: got %v, want %s", test.flags, test.variable, err, test.want)
		}
	}
}

func TestAWrongFileIsToldByLineAndColumn(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"# only a comment\n", ""},
		{"---\ndrain: 1s\n", ""},
		{"drain: '1s'\nallow-origin: http://a\n", ""},
		{"dran: 1s\n", `:1:1: unknown setting "dran"; did you mean "drain"?`},
		{"config: other.yaml\n", `:1:1: unknown setting "config"`},
		{"drain:\n", ":1:8: drain: a value is missing"},
		{"drain: {}\n", ":1:8: drain: give a plain value"},
		{"- drain\n", ":1:1: write settings here"},
		{"drain: 1s\ndrain: 2s\n", ":2:1: drain is already set at "},
		{"drain: [1s]\n", ":1:8: drain: give one value, not a list"},
		{"\ndrain: [\n", ":2:8: "},
	} {
		file := filepath.Join(t.TempDir(), "node.yaml")
		if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := node.Load(parse(t, "--config "+file), nil)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%q: %v", test.text, err)
		case test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), file+test.want)):
			t.Errorf("%q: got %v, want FILE%s", test.text, err, test.want)
		}
	}
}

func TestOriginsAreKeptAsBrowsersSendThem(t *testing.T) {
	loaded, err := node.Load(parse(t, "--allow-origin HTTPS://App.Example.com:443/,http://localhost:80,http://a:8080,*"), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []node.Origin{"https://app.example.com", "http://localhost", "http://a:8080", "*"}
	if diff := cmp.Diff(want, loaded.Settings.AllowOrigin); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
}

func TestACommandsOwnDefaultsStandInForThoseOfTheSettings(t *testing.T) {
	flags := pflag.NewFlagSet("demo", pflag.ContinueOnError)
	node.AddFlags(flags, map[string]string{"data": "demo-data", "drain": "1s"})
	for _, c := range []struct {
		environment []string
		drain       string
		source      string
	}{
		{nil, "1s", "default"},
		{[]string{"LEAT_DRAIN=3s"}, "3s", "environment LEAT_DRAIN"},
	} {
		loaded, err := node.Load(flags, c.environment)
		if err != nil {
			t.Fatal(err)
		}
		if got := loaded.Settings.Drain.String(); got != c.drain || loaded.Settings.Data != "demo-data" {
			t.Errorf("%v: drain %s and data %q, want %s and demo-data", c.environment, got, loaded.Settings.Data, c.drain)
		}
		for _, v := range loaded.Values {
			if v.Name == "drain" && v.Source != c.source {
				t.Errorf("%v: drain is from %q, want %q", c.environment, v.Source, c.source)
			}
		}
	}
	if help := flags.FlagUsages(); !strings.Contains(help, "demo-data") || strings.Contains(help, "leat-data") {
		t.Errorf("help does not show the command's own default:\n%s", help)
	}
}

func TestOnlyVariablesThatLookLikeASettingMisspeltAreWarnedOf(t *testing.T) {
	loaded, err := node.Load(parse(t, ""), []string{
		"LEAT_LISTN=off", "LEAT_PORT=tcp://10.0.0.1:80", "LEAT_SERVICE_HOST=10.0.0.1", "LEAT_SERVER=http://a", "HOME=/", "LEAT_DRIAN=1s",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"LEAT_DRIAN is no setting; did you mean LEAT_DRAIN?", "LEAT_LISTN is no setting; did you mean LEAT_LISTEN?"}
	if diff := cmp.Diff(want, loaded.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func parse(t *testing.T, line string) *pflag.FlagSet {
	t.Helper()
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	node.AddFlags(flags, nil)
	if err := flags.Parse(strings.Fields(line)); err != nil {
		t.Fatal(err)
	}
	return flags
}
