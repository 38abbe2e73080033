package node

import (
	"encoding"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/leatstream/leat/internal/origin"
)

// Settings are what a node can be told. The tags make the flag, the LEAT_ variable, the field of the --config file
// and the line of the reference, and fields stand in the order of all of these.
type Settings struct {
	Listen         Address       `name:"listen" value:"ADDRESS" default:"127.0.0.1:8080" help:"Serve the public API here: HOST:PORT, where port 0 picks a free one, or off."`
	ListenAdmin    Address       `name:"listen-admin" value:"ADDRESS" default:"127.0.0.1:8081" help:"Serve metrics, profiles, health and connections here, or off."`
	ListenGRPC     Address       `name:"listen-grpc" value:"ADDRESS" default:"127.0.0.1:8082" help:"Serve gRPC on its own transport here, or off; the public address has it too."`
	Data           string        `name:"data" value:"DIR" default:"./leat-data" help:"Keep the event log in this folder."`
	Drain          time.Duration `name:"drain" value:"DURATION" default:"20s" help:"Spread the goodbyes of a shutdown over this long."`
	AllowAnonymous bool          `name:"allow-anonymous" default:"false" help:"Let everybody in, also from other machines."`
	AllowOrigin    []Origin      `name:"allow-origin" value:"ORIGIN" help:"Let pages of this origin, such as https://app.example.com, read, publish and open WebSockets; repeat it for more."`
}

func (s *Settings) origins() []string {
	all := make([]string, len(s.AllowOrigin))
	for i, origin := range s.AllowOrigin {
		all[i] = string(origin)
	}
	return all
}

// An Address is HOST:PORT, or Off.
type Address string

// Off is the Address of a listener that is closed.
const Off Address = "off"

// UnmarshalText checks the form; whether one can listen there only the system knows.
func (a *Address) UnmarshalText(text []byte) error {
	*a = Address(text)
	if *a == Off {
		return nil
	}
	_, port, err := net.SplitHostPort(string(text))
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is no address: give HOST:PORT, such as 127.0.0.1:8080, or off", text)
	}
	return nil
}

// An Origin is what a browser puts into the Origin header; "*" stands for every origin.
type Origin = origin.Origin

// A setting is one field of Settings.
type setting struct {
	name, value, fallback, help string
	index                       int // of the field
	list, toggle                bool
}

// settings are the fields in their order.
var settings = func() []setting {
	t := reflect.TypeFor[Settings]()
	all := make([]setting, t.NumField())
	for i := range all {
		field := t.Field(i)
		all[i] = setting{
			name: field.Tag.Get("name"), value: field.Tag.Get("value"), fallback: field.Tag.Get("default"),
			help: field.Tag.Get("help"), index: i,
			list: field.Type.Kind() == reflect.Slice, toggle: field.Type.Kind() == reflect.Bool,
		}
	}
	return all
}()

func settingNames() []string {
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.name
	}
	return names
}

// environmentName gives the variable of a setting.
func environmentName(name string) string {
	return environmentPrefix + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

const environmentPrefix = "LEAT_"

// parse sets the field from text: one value, or as many as there are where it is a list.
func (s setting) parse(into *Settings, values []string) error {
	field := reflect.ValueOf(into).Elem().Field(s.index)
	if !s.list {
		return parseValue(field, values[len(values)-1])
	}
	list := reflect.MakeSlice(field.Type(), len(values), len(values))
	for i, text := range values {
		if err := parseValue(list.Index(i), text); err != nil {
			return err
		}
	}
	field.Set(list)
	return nil
}

func parseValue(field reflect.Value, text string) error {
	switch into := field.Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		return into.UnmarshalText([]byte(text))
	case *string:
		if text == "" {
			return errors.New("it cannot be empty")
		}
		*into = text
	case *bool:
		value, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*into = value
	case *time.Duration:
		value, err := time.ParseDuration(text)
		if err != nil || value < 0 {
			return fmt.Errorf("%q is no duration: give one such as 20s, 1m30s or 0s", text)
		}
		*into = value
	default:
		panic(fmt.Sprintf("node: no way to read a setting of type %s", field.Type()))
	}
	return nil
}

// text gives the field's value as one would write it.
func (s setting) text(from *Settings) string {
	field := reflect.ValueOf(from).Elem().Field(s.index)
	if !s.list {
		return fmt.Sprint(field.Interface())
	}
	values := make([]string, field.Len())
	for i := range values {
		values[i] = fmt.Sprint(field.Index(i).Interface())
	}
	return strings.Join(values, ",")
}
