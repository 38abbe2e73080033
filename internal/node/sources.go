package node

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/leatstream/leat/internal/problem"
	"github.com/spf13/pflag"
)

// Loaded are settings with where each came from.
type Loaded struct {
	Settings Settings
	Values   []Value  // in the order of the fields
	Warnings []string // what may be a mistake
}

// A Value is the effective value of one setting.
type Value struct {
	Name   string
	Text   string // empty for an empty list
	Source string // such as: flag --drain, environment LEAT_DRAIN, leat.conf.yaml:3, default
}

// A SettingError says what is wrong with the settings, one line for each mistake.
type SettingError struct{ text string }

// Error gives all the lines.
func (e *SettingError) Error() string { return e.text }

const configFlag = "config"

// AddFlags adds a flag for each setting, and --config for a file of them. A command whose settings have defaults of
// their own gives those, by name.
func AddFlags(flags *pflag.FlagSet, defaults map[string]string) {
	for _, s := range settings {
		if own, ok := defaults[s.name]; ok {
			s.fallback = own
		}
		value := &flagValue{setting: s}
		flag := flags.VarPF(value, s.name, "", flagUsage(s.help))
		if s.toggle {
			flag.NoOptDefVal = "true"
		}
	}
	flags.String(configFlag, "", "read settings from this YAML `FILE`; flags and LEAT_ variables win over it")
}

// flagUsage gives a sentence of the reference in the form that the usage of other flags has.
func flagUsage(help string) string {
	return strings.ToLower(help[:1]) + strings.TrimSuffix(help[1:], ".")
}

// Load finds the value of each setting: a flag wins over the environment (os.Environ's form), the environment over
// the file of --config. An error is a *SettingError with all that is wrong.
func Load(flags *pflag.FlagSet, environment []string) (*Loaded, error) {
	variables := leatVariables(environment)
	fromFile, errs := readConfigFile(flags, variables)
	loaded := &Loaded{Warnings: nearVariables(variables)}
	for _, s := range settings {
		g := s.find(flags, variables, fromFile)
		if err := s.parse(&loaded.Settings, g.values); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", g.complaint(s.name), err))
		}
		loaded.Values = append(loaded.Values, Value{s.name, s.text(&loaded.Settings), g.source})
	}
	if len(errs) > 0 {
		return nil, &SettingError{errors.Join(errs...).Error()}
	}
	return loaded, nil
}

// given is what one source says about one setting.
type given struct {
	values []string
	source string
	where  string // for messages, where the setting's name alone would not find it
}

// complaint begins the message about a wrong value.
func (g given) complaint(name string) string {
	if g.where == "" {
		return g.source
	}
	return g.where + ": " + name
}

func (s setting) find(flags *pflag.FlagSet, variables map[string]string, file map[string]given) given {
	if flag := flags.Lookup(s.name); flag != nil {
		if value, ok := flag.Value.(*flagValue); ok {
			if flag.Changed {
				return given{values: value.given, source: "flag --" + s.name}
			}
			s = value.setting // with the command's own default
		}
	}
	if name := environmentName(s.name); variables[name] != "" {
		return given{values: s.split(variables[name]), source: "environment " + name}
	}
	if g, ok := file[s.name]; ok {
		return g
	}
	return given{values: s.split(s.fallback), source: "default"}
}

// split takes a list apart at its commas.
func (s setting) split(text string) []string {
	if !s.list {
		return []string{text}
	}
	var values []string
	for value := range strings.SplitSeq(text, ",") {
		if value = strings.TrimSpace(value); value != "" {
			values = append(values, value)
		}
	}
	return values
}

// readConfigFile reads the file that --config or LEAT_CONFIG names, if any does.
func readConfigFile(flags *pflag.FlagSet, variables map[string]string) (map[string]given, []error) {
	file := variables[environmentName(configFlag)]
	source := "environment " + environmentName(configFlag)
	if flag := flags.Lookup(configFlag); flag != nil && flag.Changed {
		file, source = flag.Value.String(), "flag --"+configFlag
	}
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, []error{fmt.Errorf("%s: %w", source, err)}
	}
	return parseConfigFile(file, text)
}

func leatVariables(environment []string) map[string]string {
	variables := make(map[string]string)
	for _, entry := range environment {
		if name, value, ok := strings.Cut(entry, "="); ok && strings.HasPrefix(name, environmentPrefix) {
			variables[name] = value
		}
	}
	return variables
}

// nearVariables tells of variables that look like a setting misspelt. Others are left alone: Kubernetes sets
// LEAT_PORT and the like for a service called leat, and contracts have variables of their own.
func nearVariables(variables map[string]string) []string {
	known := append(settingNames(), configFlag, "server")
	for i, name := range known {
		known[i] = strings.TrimPrefix(environmentName(name), environmentPrefix)
	}
	var warnings []string
	for name := range variables {
		suffix := strings.TrimPrefix(name, environmentPrefix)
		if near := problem.Near(suffix, known); near != "" && near != suffix {
			warnings = append(warnings, fmt.Sprintf("%s is no setting; did you mean %s%s?", name, environmentPrefix, near))
		}
	}
	slices.Sort(warnings)
	return warnings
}

// A flagValue keeps what the flag was given, for Load to parse: so that a wrong value is told in the same words
// wherever it comes from, and together with all others.
type flagValue struct {
	setting

	given []string
}

// String gives the default until the flag is given, as help shows it.
func (v *flagValue) String() string {
	if v.given == nil {
		return v.fallback
	}
	return strings.Join(v.given, ",")
}

// Set adds to a list and replaces anything else.
func (v *flagValue) Set(text string) error {
	if v.list {
		v.given = append(v.given, v.split(text)...)
		return nil
	}
	v.given = []string{text}
	return nil
}

// Type is what help shows after the flag's name; pflag shows nothing after a bool.
func (v *flagValue) Type() string {
	if v.toggle {
		return "bool"
	}
	return v.value
}
